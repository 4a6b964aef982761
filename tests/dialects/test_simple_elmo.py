"""The interface of simple_elmo."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from elmokit import ElmoEmbedder, LanguageModel
from elmokit.dialects.simple_elmo import ElmoModel
from elmokit.errors import ConfigError, ModelFileError

SENTENCES = [["the", "cat", "sat"], [], ["naïve", "dog", "on", "the", "mat"]]


@pytest.fixture
def elmo(model) -> ElmoModel:
    elmo = ElmoModel()
    assert elmo.load(str(model), max_batch_size=2) == "The model is now loaded."
    return elmo


@pytest.fixture
def full(model) -> ElmoModel:
    elmo = ElmoModel()
    elmo.load(model, full=True)
    return elmo


def test_facts(elmo):
    assert (elmo.n_layers, elmo.vector_size, elmo.batch_size) == (3, 16, 2)


@pytest.mark.parametrize("layers", ["average", "top", "all"])
def test_vectors(layers, model, elmo):
    vectors = elmo.get_elmo_vectors(SENTENCES, layers=layers)
    assert vectors.shape == ((3, 3, 5, 16) if layers == "all" else (3, 5, 16))
    assert vectors.dtype == np.float64
    for row, own in zip(vectors, ElmoEmbedder.load(model).embed(SENTENCES, layers), strict=True):
        np.testing.assert_allclose(row[..., : own.shape[-2], :], own, rtol=0, atol=1e-6)
        assert not row[..., own.shape[-2] :, :].any()


@pytest.mark.parametrize("layers", ["average", "top", "all"])
def test_sentence_vectors(layers, model, elmo):
    averages = elmo.get_elmo_vector_average(SENTENCES, layers=layers)
    assert averages.shape == ((3, 3, 16) if layers == "all" else (3, 16))
    assert averages.dtype == np.float64
    for average, own in zip(averages, ElmoEmbedder.load(model).embed(SENTENCES, layers), strict=True):
        if not own.shape[-2]:
            assert not average.any()
            continue
        mean = own.mean(axis=-2)
        np.testing.assert_allclose(average, mean / np.linalg.norm(mean), rtol=0, atol=1e-6)
        assert np.linalg.norm(average) == pytest.approx(1.0)


def test_sentence_vectors_do_not_depend_on_the_batch(elmo):
    """Those of simple_elmo do: it counts the padding of a shorter sentence as words."""
    together = elmo.get_elmo_vector_average(SENTENCES)
    alone = [elmo.get_elmo_vector_average([sentence])[0] for sentence in SENTENCES]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


def test_the_defaults(elmo):
    for method in (elmo.get_elmo_vectors, elmo.get_elmo_vector_average):
        expected = method(SENTENCES, layers="average")
        np.testing.assert_array_equal(method(SENTENCES), expected)
        np.testing.assert_array_equal(method(SENTENCES, False, "average", None), expected)
        assert method([]).shape[0] == 0


def test_substitutes(model, words, full):
    sentences = ["the cow sat", "", "naïve"]
    found = full.get_elmo_substitutes(sentences, topn=4)
    assert [[place["word"] for place in sentence] for sentence in found] == [
        ["the", "<UNK>", "sat"],
        [],
        ["naïve"],
    ]
    language_model = LanguageModel.load(model)
    for sentence, places in zip(sentences, found, strict=True):
        forward, backward = language_model.predictions(sentence)
        for k, place in enumerate(places):
            assert sorted(place) == ["backward", "forward", "word"]
            for name, scores in (("forward", forward[k]), ("backward", backward[k])):
                best = [id_ for id_ in scores.argsort(descending=True).tolist() if id_ > 1][:4]
                assert place[name] == {
                    "candidates": best,
                    "candidate_words": [words[id_] for id_ in best],
                    "logp": [round(scores[id_].item(), 4) for id_ in best],
                }
                assert place[name]["logp"][0] < 0


def test_substitutes_of_all_words(words, full):
    ((with_delimiters),) = full.get_elmo_substitutes(["cat"], topn=99, nodelimiters=False)
    ((without,),) = full.get_elmo_substitutes(["cat"], topn=99)
    for name in ("forward", "backward"):
        assert sorted(with_delimiters[0][name]["candidate_words"]) == sorted(words)
        assert sorted(without[name]["candidate_words"]) == sorted(words[2:])
        total = np.exp(with_delimiters[0][name]["logp"]).sum()
        assert total == pytest.approx(1.0, abs=1e-3)
    ((place,),) = full.get_elmo_substitutes(["cat"])
    assert len(place["forward"]["candidates"]) == 3


def test_a_forward_model(write_model):
    elmo = ElmoModel()
    elmo.load(write_model("bidirectional=false"), full=True)
    first, second = elmo.get_elmo_substitutes(["the cat"])[0]
    assert first["backward"] == {"candidates": [], "candidate_words": [], "logp": []}
    assert len(first["forward"]["candidates"]) == 3
    first["backward"]["candidates"].append(1)
    assert second["backward"]["candidates"] == []


def test_it_says_what_is_missing(model, elmo, full, tmp_path):
    with pytest.raises(ConfigError, match=r"no model is loaded: call load first"):
        ElmoModel().get_elmo_vectors(SENTENCES)
    with pytest.raises(ConfigError, match=r"needs the softmax: load the model with full=True"):
        elmo.get_elmo_substitutes(["the cat"])
    with pytest.raises(ConfigError, match=r"layers: expected average, top or all, got 'bottom'"):
        elmo.get_elmo_vectors(SENTENCES, layers="bottom")
    with pytest.raises(ConfigError, match=r"topn: expected at least 1, got 0"):
        full.get_elmo_substitutes(["the cat"], topn=0)
    shutil.copytree(model, tmp_path / "model")
    (tmp_path / "model" / "softmax_weights.hdf5").unlink()
    with pytest.raises(ModelFileError, match=r"these weights have no softmax"):
        ElmoModel().load(tmp_path / "model", full=True)
