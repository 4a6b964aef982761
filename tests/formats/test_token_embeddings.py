"""Token vectors by word, to the bit; damaged and foreign files by name."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmokit.errors import ModelFileError, OutputError
from elmokit.formats.token_embeddings import TokenTable, read_token_table, write_token_embeddings

WORDS = ["<S>", "</S>", "<UNK>", "the", "naïve", "我", "😀", "NaN"]
VECTORS = np.random.default_rng(0).standard_normal((len(WORDS), 5)).astype(np.float32)


@pytest.fixture
def path(tmp_path) -> Path:
    write_token_embeddings(tmp_path / "tokens.hdf5", WORDS, VECTORS)
    return tmp_path / "tokens.hdf5"


def _message(path: Path, words: list[str] | None = None) -> str:
    with pytest.raises(ModelFileError) as error:
        read_token_table(path, words)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def _replace(path: Path, name: str, values: object) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        if values is not None:
            file[name] = values


def test_round_trip(path):
    table = read_token_table(path)
    assert list(table) == WORDS
    assert len(table) == len(WORDS)
    assert table.vectors.dtype == torch.float32
    for word, vector in zip(WORDS, VECTORS, strict=True):
        assert word in table
        assert table[word].numpy().tobytes() == vector.tobytes()
    assert "cat" not in table
    with pytest.raises(KeyError):
        table["cat"]


def test_other_tools_find_what_they_expect(path):
    """bilm-tf reads the dataset ``embedding`` alone."""
    with h5py.File(path) as file:
        assert file["embedding"].dtype == np.float32
        assert file["embedding"][()].tobytes() == VECTORS.tobytes()
        assert [word.decode() for word in file["words"][()]] == WORDS


def test_the_words_of_the_file_come_before_those_given(path):
    assert list(read_token_table(path, WORDS[::-1])) == WORDS


def test_a_file_of_bilm_tf(path):
    _replace(path, "words", None)
    assert _message(path) == "the words of its rows are not known: give the vocabulary it was made with"
    table = read_token_table(path, WORDS[::-1])
    np.testing.assert_array_equal(table["<S>"], VECTORS[-1])
    assert _message(path, WORDS[1:]) == "embedding: shape (8, 5), expected a row for each of 7 words"


def test_other_precisions_are_read(path):
    for dtype in (np.float16, np.float64):
        _replace(path, "embedding", VECTORS.astype(dtype))
        table = read_token_table(path)
        assert table.vectors.dtype == torch.float32
        np.testing.assert_array_equal(table.vectors, VECTORS.astype(dtype).astype(np.float32))


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("embedding", None, "embedding: missing, expected a file of token embeddings"),
        ("embedding", VECTORS[1:], "embedding: shape (7, 5), expected a row for each of 8 words"),
        ("embedding", VECTORS[0], "embedding: shape (5,), expected one row per word"),
        ("embedding", VECTORS * np.inf, "embedding: holds NaN or infinite values"),
        ("embedding", [b"x"] * 8, "cannot read the token embeddings: damaged or not an HDF5 file "),
        ("words", ["the"] * 8, "words: 7 duplicates, expected each word once"),
        ("words", [1, 2], "cannot read the token embeddings: damaged or not an HDF5 file "),
        ("words", [b"\xff"] * 8, "cannot read the token embeddings: damaged or not an HDF5 file "),
        ("words", "the", "words: expected a list with one word for each row of embedding"),
        ("words", [["the"]], "words: expected a list with one word for each row of embedding"),
    ],
)
def test_damage(path, name, values, expected):
    _replace(path, name, values)
    assert _message(path).startswith(expected)


def test_groups_instead_of_datasets(path):
    with h5py.File(path, "r+") as file:
        del file["words"]
        file.create_group("words")
    assert _message(path).startswith("the words of its rows are not known")
    with h5py.File(path, "r+") as file:
        del file["embedding"]
        file.create_group("embedding")
    assert _message(path) == "embedding: missing, expected a file of token embeddings"


@pytest.mark.parametrize("size", [0, 100, 2000])
def test_truncated(path, size):
    path.write_bytes(path.read_bytes()[:size])
    assert _message(path).startswith("cannot read the token embeddings: damaged or not an HDF5 file (")


def test_no_such_file(tmp_path):
    assert _message(tmp_path / "none.hdf5") == "no such file: expected an HDF5 file of token embeddings"
    assert _message(tmp_path) == (
        "cannot read the token embeddings: a directory, pipe or device, expected a file"
    )


def test_a_full_disk_leaves_the_old_file(path, tmp_path, largest_file):
    before = path.read_bytes()
    error = pytest.raises(OutputError, match=r"tokens\.hdf5: cannot write: File too large")
    with largest_file(20_000), error:
        write_token_embeddings(path, WORDS, np.zeros((len(WORDS), 10_000), np.float32))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_of_ones_own():
    table = TokenTable(["a", "b"], torch.tensor([[1.0], [2.0]]))
    assert {word: float(vector) for word, vector in table.items()} == {"a": 1.0, "b": 2.0}
