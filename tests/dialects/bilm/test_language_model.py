"""The biLM on arrays of ids; tests/parity/test_dialects.py compares its results."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmokit import ElmoEmbedder
from elmokit.dialects.bilm import (
    Batcher,
    BidirectionalLanguageModel,
    TokenBatcher,
    dump_token_embeddings,
)
from elmokit.errors import ConfigError, ElmokitError, ModelFileError

SENTENCES = [["the", "cat", "sat"], [], ["naïve", "dog", "on", "the", "mat"]]


@pytest.fixture
def bilm(model) -> BidirectionalLanguageModel:
    return BidirectionalLanguageModel(str(model / "options.json"), str(model / "weights.hdf5"))


@pytest.fixture
def ids() -> np.ndarray:
    return Batcher(None, 50).batch_sentences(SENTENCES)


@pytest.fixture
def tokens(model, tmp_path) -> Path:
    path = tmp_path / "tokens.hdf5"
    dump_token_embeddings(model / "vocab.txt", model / "options.json", model / "weights.hdf5", path)
    return path


def test_shapes_and_independence_of_the_batch(bilm, ids):
    ops = bilm(ids)
    assert sorted(ops) == ["lengths", "lm_embeddings", "mask", "token_embeddings"]
    assert ops["lm_embeddings"].shape == (3, 3, 5, 16)
    assert ops["token_embeddings"].shape == (3, 7, 8)
    assert ops["mask"].tolist() == [[True] * 3 + [False] * 2, [False] * 5, [True] * 5]
    assert ops["lengths"].tolist() == [3, 0, 5]
    for _ in range(2):
        alone = bilm(ids[:1, :5])
        torch.testing.assert_close(alone["lm_embeddings"], ops["lm_embeddings"][:1, :, :3], rtol=0, atol=1e-6)
    longer = bilm(np.pad(ids, ((0, 0), (0, 4), (0, 0))))["lm_embeddings"]
    assert torch.equal(longer[:, :, :5], ops["lm_embeddings"])


def test_no_sentence(bilm, tokens, model):
    assert bilm(np.zeros((0, 5, 50), dtype=np.int64))["lm_embeddings"].shape == (0, 3, 3, 16)
    by_words = BidirectionalLanguageModel(model / "options.json", model / "weights.hdf5", False, tokens)
    assert by_words(np.zeros((0, 5), dtype=np.int64))["lm_embeddings"].shape == (0, 3, 3, 16)


def test_carried_state_and_slots(model, ids):
    arguments = (model / "options.json", model / "weights.hdf5")
    bilm = BidirectionalLanguageModel(*arguments, max_batch_size=3, stateful=True)
    first = bilm(ids)["lm_embeddings"]
    fresh = BidirectionalLanguageModel(*arguments)(ids)["lm_embeddings"]
    torch.testing.assert_close(first, fresh, rtol=0, atol=1e-6)
    second = bilm(ids)["lm_embeddings"]
    assert (second - first)[:, 1:].abs().amax(dim=(1, 2, 3)).min() == 0  # the sentence without words
    assert (second - first)[[0, 2], 1:].abs().amax(dim=(1, 2, 3)).min() > 1e-3
    assert torch.equal(second[:, 0], first[:, 0])  # the token layer
    bilm.reset_state()
    assert torch.equal(bilm(ids)["lm_embeddings"], first)
    with pytest.raises(ElmokitError, match=r"4 sentences for 3 slots: raise max_batch_size"):
        bilm(ids[[0, 1, 2, 0]])


def test_token_ids(model, bilm, ids, tokens):
    by_words = BidirectionalLanguageModel(model / "options.json", model / "weights.hdf5", False, tokens)
    word_ids = TokenBatcher(model / "vocab.txt").batch_sentences(SENTENCES)
    assert word_ids.tolist() == [
        [1, 4, 5, 6, 2, 0, 0],
        [1, 2, 0, 0, 0, 0, 0],
        [1, 11, 10, 7, 4, 8, 2],
    ]
    ops, expected = by_words(word_ids), bilm(ids)
    for k, sentence in enumerate(SENTENCES):
        own = slice(len(sentence))
        torch.testing.assert_close(
            ops["lm_embeddings"][k, :, own], expected["lm_embeddings"][k, :, own], rtol=0, atol=1e-6
        )
    # bilm-tf puts a row of zeros before the vectors.
    assert not ops["token_embeddings"][0, 5:].any()
    assert ops["token_embeddings"][0, :5].abs().amax(dim=1).min() > 0.01


def test_a_model_with_word_embeddings(word_model):
    arguments = (word_model / "options.json", word_model / "weights.hdf5")
    with pytest.raises(
        ConfigError, match=r"this model has word embeddings: expected use_character_inputs=False"
    ):
        BidirectionalLanguageModel(*arguments)
    bilm = BidirectionalLanguageModel(*arguments, False, word_model / "weights.hdf5")
    ops = bilm(TokenBatcher(word_model / "vocab.txt").batch_sentences(SENTENCES))
    for k, own in enumerate(ElmoEmbedder.load(word_model).embed(SENTENCES)):
        actual = ops["lm_embeddings"][k, :, : own.shape[1]]
        np.testing.assert_allclose(actual, own, rtol=0, atol=1e-6)
    with pytest.raises(ConfigError, match=r"word embeddings, which are its token vectors already"):
        dump_token_embeddings(word_model / "vocab.txt", *arguments, word_model / "tokens.hdf5")


@pytest.mark.parametrize(
    ("bad_ids", "message"),
    [
        (np.zeros((2, 3)), r"ids: expected character ids \(B, T, 50\), got \(2, 3\) torch\.float64"),
        (
            np.zeros((2, 3, 50), np.float32),
            r"expected character ids \(B, T, 50\), got \(2, 3, 50\) torch\.fl",
        ),
        (np.full((1, 3, 50), 262), r"ids: from 262 to 262, expected 0 to 261"),
        (np.full((1, 3, 50), -1), r"ids: from -1 to -1, expected 0 to 261"),
        (
            np.ones((1, 3, 8), np.int64),
            r"ids: 8 character ids per word, expected 50: use Batcher\(\.\.\., 50\)",
        ),
        (np.zeros((2, 3, 50), np.int64), r"ids: sentences \[0, 1\] have fewer than two tokens"),
        (
            np.ones((1, 1, 50), np.int64),
            r"ids: sentences \[0\] have fewer than two tokens: expected sentence markers",
        ),
    ],
)
def test_ids_that_do_not_fit(bad_ids, message, bilm):
    with pytest.raises(ElmokitError, match=message):
        bilm(bad_ids)


def test_ids_padded_in_front(bilm):
    ids = Batcher(None, 50).batch_sentences([["the", "cat"], ["the"]])
    with pytest.raises(ElmokitError, match=r"ids: padding before a sentence: expected it behind"):
        bilm(np.roll(ids, 1, axis=1))


def test_word_ids_that_do_not_fit(model, tokens):
    bilm = BidirectionalLanguageModel(model / "options.json", model / "weights.hdf5", False, tokens)
    with pytest.raises(ElmokitError, match=r"ids: from 1 to 12, expected 0 to 11"):
        bilm(np.array([[1, 12, 2]]))
    with pytest.raises(ElmokitError, match=r"ids: expected word ids \(B, T\), got \(1, 3, 50\)"):
        bilm(np.ones((1, 3, 50), dtype=np.int64))


def test_token_embeddings_that_do_not_fit(model, tmp_path):
    arguments = (model / "options.json", model / "weights.hdf5", False)
    with pytest.raises(ConfigError, match=r"use_character_inputs=False needs embedding_weight_file"):
        BidirectionalLanguageModel(*arguments)
    with pytest.raises(ModelFileError, match=r"nowhere\.hdf5: no such file"):
        BidirectionalLanguageModel(*arguments, tmp_path / "nowhere.hdf5")
    with pytest.raises(ModelFileError, match=r"softmax_weights\.hdf5: embedding: missing, expected a file"):
        BidirectionalLanguageModel(*arguments, model / "softmax_weights.hdf5")
    for vectors, message in (
        (np.zeros((3, 5)), r"shape \(3, 5\), expected vectors of 8 numbers"),
        (np.zeros(8), r"shape \(8,\), expected one row per word"),
        (np.full((3, 8), np.nan), "holds NaN or infinite values"),
    ):
        with h5py.File(tmp_path / "bad.hdf5", "w") as file:
            file["embedding"] = vectors
        with pytest.raises(ModelFileError, match=rf"bad\.hdf5: embedding: {message}"):
            BidirectionalLanguageModel(*arguments, tmp_path / "bad.hdf5")


def test_options_may_be_left_to_the_weights(model, ids):
    bilm = BidirectionalLanguageModel(None, model)
    assert bilm(ids)["lm_embeddings"].shape == (3, 3, 5, 16)
    options = json.loads((model / "options.json").read_text(encoding="utf-8"))
    assert options["lstm"]["n_layers"] == 2
