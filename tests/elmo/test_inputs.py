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


@pytest.mark.parametrize("keeps_markers", [False, True])
def test_padding_may_be_anywhere(make, keeps_markers):
    """As from Keras' pad_sequences, which pads in front: vectors are where the words are."""
    elmo = make(keep_sentence_boundaries=keeps_markers)
    sentences = [["The", "cat", "sat"], [], ["naïve"], ["the", "mat"]]
    places = [[1, 3, 4], [], [5], [0, 1]]  # of 6
    packed = batch_to_ids(sentences)
    ids = torch.zeros(4, 6, 50, dtype=torch.int64)
    for k, own in enumerate(places):
        ids[k, own] = packed[k, : len(own)]
    expected, output = elmo(packed), elmo(ids)
    wanted, found = expected["elmo_representations"][0].detach(), output["elmo_representations"][0].detach()
    for k, own in enumerate(places):
        if keeps_markers:
            own = [own[0], *(place + 1 for place in own), own[-1] + 2] if own else [0, 1]
        assert output["mask"][k].nonzero().flatten().tolist() == own
        torch.testing.assert_close(found[k, own], wanted[k, : len(own)], rtol=0, atol=1e-6)
    assert not found[~output["mask"]].any()


def test_word_ids_with_padding_anywhere(make, word_model):
    cached = make(vocab_to_cache=VOCABULARY)
    words = Elmo.from_pretrained(word_model, dropout=0.0)
    for call in (lambda ids: cached(None, ids), words):
        packed, spread = call(torch.tensor([[4, 5]])), call(torch.tensor([[0, 4, 0, 5]]))
        assert spread["mask"].tolist() == [[False, True, False, True]]
        wanted, found = packed["elmo_representations"][0], spread["elmo_representations"][0]
        torch.testing.assert_close(found[:, [1, 3]], wanted, rtol=0, atol=1e-6)
        assert not found[:, [0, 2]].any()


def test_wider_ids_are_cut_as_by_the_embedder(narrow_model):
    elmo = Elmo.from_pretrained(narrow_model, dropout=0.0, scalar_mix_parameters=[0.0, 0.0, 0.0])
    sentences = [["a", "12345678", "123456789", "x" * 60, "<S>", "1234567é"]]
    expected = ElmoEmbedder.load(narrow_model).embed(sentences, "average")[0]
    for inputs in (sentences, batch_to_ids(sentences)):
        np.testing.assert_allclose(values(elmo, inputs)[0].numpy(), expected, rtol=0, atol=1e-6)


def test_character_ids_are_no_word_ids(word_model):
    elmo = Elmo.from_pretrained(word_model, dropout=0.0)
    with pytest.raises(ElmokitError, match=r"inputs: character ids from batch_to_ids, expected word ids"):
        elmo(batch_to_ids(SENTENCES))


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
            r"3 character ids per word, expected at least 50, which the model reads",
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
