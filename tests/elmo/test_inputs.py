"""Inputs of the layer: cached words, word ids, and invalid inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from elmokit import Elmo, ElmoEmbedder, Vocabulary, batch_to_ids
from elmokit.errors import ConfigError, ElmokitError

GOLDEN = Path(__file__).parents[1] / "golden" / "infer_models"
MODEL = GOLDEN / "skip2_relu"
SENTENCES = [
    ["The", "cat", "sat", "on", "the", "mat", "."],
    [],
    ["naïve"],
    ["<S>", "我", "</S>", "the-word-of-more-than-fifty-bytes-that-has-to-be-cut-somewhere", "the", "The"],
]
WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "sat", "mat", ".")
VOCABULARY = ["padding", "The", "cat", "sat", "on", "the", "mat", "."]


def values(elmo: Elmo, *inputs: object) -> Tensor:
    (representation,) = elmo(*inputs)["elmo_representations"]
    return representation.detach()


def word_ids(sentences: list[list[str]]) -> Tensor:
    rows = [torch.tensor([VOCABULARY.index(word) for word in sentence]) for sentence in sentences]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def test_strings_and_ids_give_the_same(elmo, ids):
    torch.testing.assert_close(values(elmo, SENTENCES), values(elmo, ids), rtol=0, atol=1e-6)
    assert torch.equal(elmo(SENTENCES)["mask"], elmo(ids)["mask"])


def test_plain_strings_are_split(elmo):
    sentences = ["The cat  sat", "", "naïve"]
    split = [sentence.split() for sentence in sentences]
    assert torch.equal(batch_to_ids(sentences), batch_to_ids(split))
    assert torch.equal(values(elmo, sentences), values(elmo, split))


def test_arrays_of_ids(elmo, ids):
    assert torch.equal(values(elmo, ids.numpy()), values(elmo, ids))


def test_vocab_to_cache(make, elmo, monkeypatch):
    sentences = [SENTENCES[0], ["the", "cat"]]
    cached = make(vocab_to_cache=VOCABULARY)
    expected = elmo(batch_to_ids(sentences))
    monkeypatch.setattr(cached.bilm.encoder, "forward", None)  # the encoder is not used
    for inputs in (None, batch_to_ids(sentences)):
        output = cached(inputs, word_ids(sentences))
        assert torch.equal(output["mask"], expected["mask"])
        actual, wanted = output["elmo_representations"][0], expected["elmo_representations"][0]
        torch.testing.assert_close(actual, wanted, rtol=0, atol=1e-6)
    with_dimensions = cached(None, word_ids(sentences).reshape(1, 2, 7))
    assert with_dimensions["elmo_representations"][0].shape == (1, 2, 7, 32)


def test_words_beyond_the_cache_are_encoded(make, elmo, ids):
    cached = make(vocab_to_cache=VOCABULARY)
    beyond = torch.full((4, 7), len(VOCABULARY))
    torch.testing.assert_close(values(cached, ids, beyond), values(elmo, ids), rtol=0, atol=1e-6)
    # Without a cache, word_inputs has no effect.
    torch.testing.assert_close(values(elmo, ids, word_ids(SENTENCES[:1])), values(elmo, ids))
    with pytest.raises(ElmokitError, match=r"word_inputs: ids from 8 to 8, expected 0 to 7"):
        cached(None, beyond)
    with pytest.raises(ElmokitError, match=r"no inputs, and no vocab_to_cache for word_inputs"):
        elmo(None, word_ids(SENTENCES[:1]))


def test_cached_words_learn_with_the_bilm(make):
    cached = make(vocab_to_cache=VOCABULARY, requires_grad=True)
    cached(None, word_ids([["the", "cat"]]))["elmo_representations"][0].sum().backward()
    assert cached.cached_words is not None
    assert cached.cached_words.grad is not None
    is_used = cached.cached_words.grad.abs().sum(dim=1) > 0
    # The two markers come first.
    assert is_used.tolist() == [True, True, *(word in ("the", "cat") for word in VOCABULARY)]
    frozen = make(vocab_to_cache=VOCABULARY).cached_words
    assert frozen is not None
    assert not frozen.requires_grad


def test_padding_inside_a_sentence(elmo, ids):
    """As in AllenNLP, the sentence is shorter by one, and the padding is encoded like a word."""
    with_hole = ids[:1].clone()
    with_hole[0, 2] = 0
    output = elmo(with_hole)
    assert output["mask"].tolist() == [[True] * 6 + [False]]
    rows = with_hole[0, 2:3] - 1
    rows = torch.where(rows < 0, 261, rows)  # the symbol whose embedding is zero
    token = elmo.bilm.encode(rows, None)
    (layers, _, _) = elmo._layers(with_hole, None)
    torch.testing.assert_close(layers[0][0, 3, :16], token[0], rtol=0, atol=1e-6)


def test_word_embeddings(word_model):
    elmo = Elmo.from_pretrained(word_model, dropout=0.0)
    sentences = [["the", "dog", "sat"], [], ["cat"]]
    vocabulary = Vocabulary(WORDS)
    ids = torch.zeros(3, 5, dtype=torch.int64)
    for k, sentence in enumerate(sentences):
        ids[k, : len(sentence)] = torch.tensor([vocabulary.id_of(word) + 1 for word in sentence])
    vectors = ElmoEmbedder.load(word_model).embed(sentences, "average")
    for inputs in (ids, sentences):
        output = elmo(inputs)
        for k, own in enumerate(vectors):
            actual = output["elmo_representations"][0][k, : len(own)].detach().numpy()
            np.testing.assert_allclose(actual, own, rtol=0, atol=1e-6)
        assert output["mask"].sum(dim=1).tolist() == [3, 0, 1]
    with pytest.raises(ElmokitError, match=r"inputs: ids from 2 to 9, expected 1 to 8"):
        elmo(torch.tensor([[9, 2]]))


def test_word_embeddings_learn_densely(word_model):
    elmo = Elmo.from_pretrained(word_model, requires_grad=True, dropout=0.0)
    elmo([["the", "cat"]])["elmo_representations"][0].sum().backward()
    gradient = elmo.bilm.encoder.weight.grad
    assert not gradient.is_sparse
    is_used = gradient.abs().sum(dim=1) > 0
    assert is_used.tolist() == [word in ("<S>", "</S>", "the", "cat") for word in WORDS]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            torch.zeros(2, 50, dtype=torch.int64),
            r"expected character ids \(B, T, C\) from .*, got \(2, 50\)",
        ),
        (torch.zeros(2, 3, 50), r"from batch_to_ids, got \(2, 3, 50\) torch\.float32"),
        (torch.full((1, 1, 50), 262), r"character ids from 262 to 262, expected 0 \(padding\) to 261"),
        (torch.tensor([[[5] + [-3] * 49]]), r"character ids from -3 to 5, expected 0"),
        (
            torch.ones(1, 1, 3, dtype=torch.int64),
            r"3 character ids per word, expected at least 4: the width of the",
        ),
    ],
)
def test_invalid_inputs(elmo, inputs, message):
    with pytest.raises(ElmokitError, match=message):
        elmo(inputs)


def test_missing_files(tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"Elmo needs options_file and weight_file: for models in other formats use Elmo\.from_pre",
    ):
        Elmo()
    with pytest.raises(ElmokitError, match=r"nowhere\.hdf5: no such file"):
        Elmo(MODEL / "options.json", tmp_path / "nowhere.hdf5")
    with pytest.raises(ElmokitError, match=r"nowhere\.json"):
        Elmo(tmp_path / "nowhere.json", MODEL / "weights.hdf5")
