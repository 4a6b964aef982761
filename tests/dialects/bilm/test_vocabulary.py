"""The vocabularies of bilm-tf, and the modules that its scripts import."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import elmokit
from elmokit.dialects import bilm
from elmokit.errors import ConfigError, VocabularyError


@pytest.fixture
def vocabulary(model) -> bilm.Vocabulary:
    return bilm.load_vocab(model / "vocab.txt", 50)


def test_words(vocabulary, words):
    assert vocabulary == elmokit.Vocabulary(words)
    assert vocabulary.size == len(words)
    assert (vocabulary.bos, vocabulary.eos, vocabulary.unk) == (0, 1, 2)
    assert vocabulary.id_to_word(vocabulary.word_to_id("cat")) == "cat"
    assert vocabulary.word_to_id("cats") == vocabulary.unk
    ids = [words.index(word) for word in ("<S>", "the", "cat", "<UNK>", "</S>")]
    for sentence, split in (("the cat purrs", True), (["the", "cat", "purrs"], False)):
        encoded = vocabulary.encode(sentence, split=split)
        assert encoded.dtype == np.int32
        assert encoded.tolist() == ids
    assert vocabulary.encode("the cat", reverse=True).tolist() == [1, *ids[1:3], 0]
    assert vocabulary.decode(ids) == "<S> the cat <UNK> </S>"


def test_characters(vocabulary, words):
    """A batcher's ids are larger by one: it has an id for padding."""
    (batch,) = bilm.Batcher(None, 50).batch_sentences([["the", "naïve"]]) - 1
    assert np.array_equal(vocabulary.encode_chars("the naïve"), batch)
    assert np.array_equal(vocabulary.encode_chars("the naïve", reverse=True), batch[[3, 1, 2, 0]])
    assert np.array_equal(vocabulary.word_to_char_ids("naïve"), batch[2])
    assert vocabulary.word_char_ids.shape == (len(words), vocabulary.max_word_length)
    assert np.array_equal(vocabulary.word_char_ids[0], batch[0])


def test_a_vocabulary_without_characters(model):
    vocabulary = bilm.load_vocab(model / "vocab.txt")
    assert type(vocabulary) is bilm.Vocabulary
    assert not hasattr(vocabulary, "max_word_length")


def test_mistakes(model, tmp_path):
    with pytest.raises(ConfigError, match="max_word_length: expected at least 3, got 2"):
        bilm.load_vocab(model / "vocab.txt", 2)
    (tmp_path / "vocab.txt").write_text("the\n")
    with pytest.raises(VocabularyError, match="expected <S>"):
        bilm.load_vocab(tmp_path / "vocab.txt", 50)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "training",
            "train test load_vocab load_options_latest_checkpoint dump_weights",
        ),
        ("data", "Batcher TokenBatcher LMDataset BidirectionalLMDataset Vocabulary UnicodeCharsVocabulary"),
        ("model", "BidirectionalLanguageModel dump_token_embeddings dump_bilm_embeddings"),
        ("elmo", "weight_layers"),
    ],
)
def test_the_modules_of_bilm_tf(module, names):
    found = importlib.import_module(f"elmokit.dialects.bilm.{module}")
    for name in names.split():
        assert getattr(found, name) is getattr(bilm, name)
