"""gensim is the oracle, for what it writes and for what it reads."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import pytest

from elmokit.errors import MissingModelError, ModelFileError, TextError
from elmokit.formats.word_vectors import write_word2vec
from elmokit.formats.word_vectors_reader import is_fasttext_model, read_word_vectors

WORDS = ["the", "naïve", "我", "1.5", "'", "of"]
TABLE = np.random.default_rng(0).standard_normal((len(WORDS), 5)).astype(np.float32)


@pytest.fixture
def vectors():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of the libraries that it imports
        from gensim.models import KeyedVectors
    vectors = KeyedVectors(5)
    vectors.add_vectors(WORDS, TABLE)
    return vectors


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("suffix", ["txt", "bin.gz"])
def test_what_gensim_writes(vectors, tmp_path, binary, suffix):
    vectors.save_word2vec_format(str(tmp_path / f"vectors.{suffix}"), binary=binary)
    found = read_word_vectors(tmp_path / f"vectors.{suffix}")
    assert found.words == WORDS
    assert np.array_equal(found.table, TABLE) if binary else np.allclose(found.table, TABLE, atol=1e-7)


@pytest.mark.parametrize("binary", [False, True])
def test_what_elmokit_writes(tmp_path, binary):
    write_word2vec(tmp_path / "vectors", WORDS, [TABLE], dim=5, binary=binary)
    seen = []
    found = read_word_vectors(tmp_path / "vectors", seen.append)
    assert found.words == WORDS
    assert np.array_equal(found.table, TABLE)
    assert sum(seen) == (tmp_path / "vectors").stat().st_size


def test_text_without_a_header_and_words_with_spaces(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2 3\n. . 4 5 6\n7 7 8 9\nthe 0 0 0\n")
    found = read_word_vectors(path)
    assert found.words == ["the", ". .", "7"]
    assert found.table.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_the_original_program_ends_vectors_with_a_line_end(tmp_path):
    path = tmp_path / "vectors.bin"
    path.write_bytes(
        b"2 5\n" + b"".join(w.encode() + b" " + TABLE[k].tobytes() + b"\n" for k, w in [(0, "a"), (1, "b")])
    )
    found = read_word_vectors(path)
    assert found.words == ["a", "b"]
    assert np.array_equal(found.table, TABLE[:2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no words"),
        (b"word\n", "txt:1: expected a word and its vector, got 'word'"),
        (b"a 1 2\nb 1\n", "txt:2: expected a word and 2 finite numbers, got 'b 1'"),
        (b"a 1 2\nb 1 nan\n", "txt:2: expected a word and 2 finite numbers"),
        (b"a 1 2\nb 1 x\n", "txt:2: expected a word and 2 finite numbers"),
        (b"3 2\na 1 2\nb 1 2\n", "expected 3 words, as its first line says, got 2: is it complete"),
        (b"3 0\n", "txt:1: expected a width from 1 to"),
        (b"2 5\na " + TABLE[0].tobytes() + b"b \x00\x00", "word 2 of 2: the file ends there"),
        (b"1 1\na \x00\x00\xc0\x7f", "word 1 of 1: a value is not finite"),
        (b"\xba\x16\x4f\x2f\x0c\x00\x00\x00", "a model of fastText, not a table of words: write fasttext:"),
    ],
)
def test_a_damaged_file_is_one_line_with_its_place(tmp_path, content, message):
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(ModelFileError) as raised:
        read_word_vectors(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert is_fasttext_model(path) == ("fastText" in message)


def test_other_files(tmp_path):
    with pytest.raises(MissingModelError, match="no such file"):
        read_word_vectors(tmp_path / "nothing")
    with pytest.raises(ModelFileError, match="directory"):
        read_word_vectors(tmp_path)
    (tmp_path / "latin.txt").write_bytes(b"a 1 2\n\xe9 1 2\n")
    with pytest.raises(TextError, match=r"latin.txt:2: not valid UTF-8"):
        read_word_vectors(tmp_path / "latin.txt")
    (tmp_path / "cut.bin.gz").write_bytes(gzip.compress(b"9 5\na " + TABLE.tobytes())[:-20])
    with pytest.raises(ModelFileError, match=r"cut.bin.gz: cannot read"):
        read_word_vectors(tmp_path / "cut.bin.gz")
