from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.corpus import Corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.data.word_types import BOS_TYPE, EOS_TYPE, TypeTable

TEXT = "the cat .\n\nnaïve 我 the the\n \n<UNK> end\n"


@pytest.fixture
def types() -> TypeTable:
    return Corpus.from_sentences(line.split() for line in TEXT.splitlines()).types


def test_word_ids_and_character_rows(types):
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "我", "the"])
    assert types.word_ids(vocabulary).tolist() == [0, 1, 4, 2, 2, 2, 3, 2, 2]
    rows = types.char_rows(np.array([6, BOS_TYPE, EOS_TYPE]), 6)
    assert rows.tolist() == [
        [258, 0xE6, 0x88, 0x91, 259, 260],
        [258, 256, 259, 260, 260, 260],
        [258, 257, 259, 260, 260, 260],
    ]


def test_types_are_stored_once_with_their_counts(types):
    spellings = [types.spelling(k).decode() for k in range(2, len(types))]
    assert spellings == ["the", "cat", ".", "naïve", "我", "<UNK>", "end"]
    assert types.counts[2:].tolist() == [3, 1, 1, 1, 1, 1, 1]
    assert types.counts[[BOS_TYPE, EOS_TYPE]].tolist() == [5, 5]


def test_words_and_their_spellings(types):
    assert [types.word(k) for k in (2, 5, 6)] == ["the", "naïve", "我"]
    assert [types.spelling(k) for k in (BOS_TYPE, EOS_TYPE, 6)] == [b"", b"", "我".encode()]


def test_the_files_of_the_table(types, tmp_path):
    types.save(tmp_path)
    assert (tmp_path / "spellings.bytes").read_bytes() == "thecat.naïve我<UNK>end".encode()
    offsets = np.fromfile(tmp_path / "spelling_offsets.i64", np.int64)
    assert offsets.tolist() == [0, 0, 0, 3, 6, 7, 13, 16, 21, 24]
    assert np.fromfile(tmp_path / "counts.i64", np.int64).tolist() == [5, 5, 3, 1, 1, 1, 1, 1, 1]
