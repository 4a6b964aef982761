"""The fingerprint of an embedder depends on its vectors and nothing else."""

from __future__ import annotations

import dataclasses
import shutil

import pytest
import torch

from elmokit.data.vocabulary import Vocabulary
from elmokit.embedder import ElmoEmbedder


def test_a_copy_of_a_model_has_the_same_fingerprint(model_directory, kind):
    directory = model_directory(kind)
    embedder = ElmoEmbedder.load(directory)
    embedder.pretrained.save_pretrained(directory.with_name("saved"))
    shutil.move(directory, directory.with_name("moved"))
    for name in ("moved", "saved"):
        assert ElmoEmbedder.load(directory.with_name(name)).fingerprint == embedder.fingerprint


def test_every_parameter_counts_except_those_of_the_softmax(model_directory, kind, make_model, make_config):
    pretrained = ElmoEmbedder.load(model_directory(kind)).pretrained
    model = make_model(make_config(kind))
    pretrained = dataclasses.replace(pretrained, model=model)
    first = ElmoEmbedder(pretrained).fingerprint
    for name, parameter in model.named_parameters():
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.view(-1)[-1] += 0.25
            is_changed = ElmoEmbedder(pretrained).fingerprint != first
            parameter.copy_(before)
        assert is_changed != name.startswith("softmax."), name
    model.softmax = None
    assert ElmoEmbedder(pretrained).fingerprint == first


def test_words_count_if_they_have_vectors(model_directory):
    swapped = Vocabulary(("<S>", "</S>", "<UNK>", "cat", "the", "sat", "on", "mat", "."))
    for kind, counts in (("words", True), ("characters", False)):
        pretrained = ElmoEmbedder.load(model_directory(kind)).pretrained
        other = ElmoEmbedder(dataclasses.replace(pretrained, vocabulary=swapped))
        assert (other.fingerprint != ElmoEmbedder(pretrained).fingerprint) == counts


def test_a_table_of_token_vectors_counts(model_directory):
    pretrained = ElmoEmbedder.load(model_directory("characters")).pretrained
    tables = [None, {"cat": torch.ones(16)}, {"cat": torch.zeros(16)}, {"mat": torch.ones(16)}]
    assert len({ElmoEmbedder(pretrained, token_table=table).fingerprint for table in tables}) == 4


@pytest.mark.parametrize("name", ["words", "characters", "words_and_characters"])
def test_the_lexicon_counts(golden, name):
    pretrained = ElmoEmbedder.load(golden / "elmoformanylangs" / name).pretrained
    first = ElmoEmbedder(pretrained).fingerprint
    assert ElmoEmbedder.load(golden / "elmoformanylangs" / name).fingerprint == first
    assert pretrained.lexicon is not None
    for part in ("words", "characters"):
        ids = getattr(pretrained.lexicon, part)
        if ids is not None:
            one, other, *_ = sorted(ids)[-2:]
            changed = {**ids, one: ids[other], other: ids[one]}
            lexicon = dataclasses.replace(pretrained.lexicon, **{part: changed})
            assert ElmoEmbedder(dataclasses.replace(pretrained, lexicon=lexicon)).fingerprint != first
