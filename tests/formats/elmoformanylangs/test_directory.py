"""ELMoForManyLangs models give the vectors that the package gives; damaged ones say what is wrong."""

from __future__ import annotations

import dataclasses
import json
import zipfile

import numpy as np
import pytest
import torch

from elmokit import ElmoEmbedder, load
from elmokit.data.lexicon import Lexicon
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.elmo import Elmo
from elmokit.errors import ConfigError, ElmokitError
from elmokit.training.trainer import Trainer

VARIANTS = ("characters", "equal_widths", "no_clips", "no_highway", "words", "words_and_characters")
LAYERS = {-2: "all", -1: "average", 0: 0, 1: 1, 2: 2}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_vectors_of_the_package(golden, variant):
    directory = golden / "elmoformanylangs" / variant
    sentences = json.loads((directory / "sentences.json").read_text(encoding="utf-8"))
    embedder = ElmoEmbedder.load(directory)
    with np.load(directory / "out.npz") as recorded:
        for number, layers in LAYERS.items():
            vectors = embedder.embed(sentences, layers)
            expected = recorded[f"output_layer_{number}"]
            assert [own.shape[-2] for own in vectors] == [len(sentence) for sentence in sentences]
            np.testing.assert_allclose(np.concatenate(vectors, axis=-2), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_model_directory_and_a_zip_keep_every_bit(golden, tmp_path, variant):
    directory = golden / "elmoformanylangs" / variant
    sentences = json.loads((directory / "sentences.json").read_text(encoding="utf-8"))
    pretrained = load(directory)
    pretrained.save_pretrained(tmp_path / "own")
    with zipfile.ZipFile(tmp_path / "161.zip", "w") as archive:
        for path in directory.rglob("*"):
            archive.write(path, path.relative_to(directory))
    expected = ElmoEmbedder(pretrained).embed(sentences)
    for name in ("own", "161.zip"):
        again = load(tmp_path / name)
        assert again.lexicon == pretrained.lexicon
        for one, other in zip(expected, ElmoEmbedder(again).embed(sentences), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_layer_takes_tokens(golden):
    directory = golden / "elmoformanylangs/words_and_characters"
    elmo = Elmo.from_pretrained(directory, scalar_mix_parameters=[-9e9, -9e9, 0.0], dropout=0.0)
    sentences = [["je", "suis", "là"], ["un"]]
    output = elmo(sentences)
    expected = ElmoEmbedder.load(directory).embed(sentences, "top")
    for row, vectors in enumerate(expected):
        actual = output["elmo_representations"][0][row, : len(vectors)].detach().numpy()
        np.testing.assert_allclose(actual, vectors, atol=1e-6)
    with pytest.raises(ElmokitError, match="pass lists of tokens, not ids"):
        elmo(torch.ones(1, 2, 50, dtype=torch.int64))


def test_gradients_reach_every_part(golden):
    elmo = Elmo.from_pretrained(golden / "elmoformanylangs/words_and_characters", requires_grad=True)
    elmo([["je", "suis"], ["un"]])["elmo_representations"][0].sum().backward()
    assert all(parameter.grad is not None for parameter in elmo.bilm.parameters())


def test_it_cannot_become_a_bilm_pair(golden, tmp_path):
    pretrained = load(golden / "elmoformanylangs/words")
    with pytest.raises(ConfigError, match="cannot hold a model with its own characters or words"):
        pretrained.save_bilm(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_cannot_be_trained(golden, tmp_path):
    config = load(golden / "elmoformanylangs/words").config
    (tmp_path / "text.txt").write_text("the cat\n" * 100)
    corpus = prepare_corpus([str(tmp_path / "text.txt")], cache_dir=tmp_path / "cache")
    with pytest.raises(
        ConfigError, match=r"^model\.lexicon: .* can be read but not trained: set lexicon=null$"
    ):
        Trainer(config, corpus, Vocabulary(["<S>", "</S>", "<UNK>", "the"]), save_dir=tmp_path / "run")


@pytest.mark.parametrize(
    ("lexicon", "message"),
    [
        (Lexicon(None, {"<oov>": 0, "<pad>": 1}, 12), "characters: None, expected 42; words: 2, expected 18"),
        (None, "max_characters: 11, expected 12"),
    ],
)
def test_a_lexicon_of_another_model(golden, tmp_path, lexicon, message, load_error):
    pretrained = load(golden / "elmoformanylangs/words_and_characters")
    pretrained.save_pretrained(tmp_path / "own")
    (tmp_path / "own/checksums.txt").unlink()
    path = tmp_path / "own/lexicon.json"
    (lexicon or dataclasses.replace(pretrained.lexicon, max_characters=11)).save(path)
    assert load_error(tmp_path / "own") == f"{path}: does not match config.json: {message}"
    path.unlink()
    assert load_error(tmp_path / "own") == f"{path}: cannot read: No such file or directory"


FILES = ("char.dic", "word.dic", "token_embedder.pkl", "encoder.pkl")


@pytest.mark.parametrize("names", [*[(name,) for name in FILES], FILES[:3]], ids="-".join)
def test_missing_files(model, names, load_error):
    for name in names:
        (model / name).unlink()
    assert load_error(model) == f"{model}: {', '.join(names)}: no such file, expected beside config.json"


def test_a_directory_without_any_tensors_is_another_model(model, load_error):
    for name in FILES[2:]:
        (model / name).unlink()
    assert "no model in this directory" in load_error(model)
