"""Precomputed context-free token vectors, the ``embedding`` file of bilm-tf.

An HDF5 file with ``embedding`` (V, P) float32, one row per word, and two additions of elmokit that other
tools ignore: ``words`` (V,), and ``encoder``, the fingerprint of the encoder that made the vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor

from elmokit.data.read import is_storable
from elmokit.errors import ModelFileError, OutputError
from elmokit.files.atomic import new_file
from elmokit.formats.hdf5_kinds import TOKEN_EMBEDDINGS
from elmokit.formats.hdf5_reader import check_heaps, check_storage, open_datasets, read_floats
from elmokit.formats.hdf5_writer import Hdf5Writer
from elmokit.model.values import fault_of_values

_LONGEST_FINGERPRINT = 64


class TokenTable(Mapping[str, Tensor]):
    """Token vectors (P,) by word.

    Args:
        words: V words; the last row of a word counts.
        vectors: (V, P).
        encoder: the fingerprint of the encoder that made the vectors, if it is known.
        source: the file that they come from, if any.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: Tensor,
        *,
        encoder: str | None = None,
        source: Path | None = None,
    ) -> None:
        self._rows = {word: row for row, word in enumerate(words)}
        self.vectors = vectors
        self.encoder = encoder
        self.source = source

    def __repr__(self) -> str:
        source = "" if self.source is None else f"{str(self.source)!r}, "
        return f"TokenTable({source}{len(self):,} words, dim={self.vectors.shape[1]})"

    def __getitem__(self, word: str) -> Tensor:
        return self.vectors[self._rows[word]]

    def __contains__(self, word: object) -> bool:
        return word in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class StoredTokens(NamedTuple):
    """The content of a file of token vectors."""

    vectors: Tensor
    """(V, P)."""
    words: list[str] | None
    """The words of the rows, if the file lists them."""
    encoder: str | None
    """The fingerprint of the encoder that made the vectors, if the file has it."""


def write_token_embeddings(
    path: Path, words: Sequence[str], vectors: np.ndarray, *, encoder: str | None = None
) -> None:
    """Write token vectors.

    Args:
        path: the HDF5 file, written completely or not at all.
        words: V words.
        vectors: (V, P).
        encoder: the fingerprint of the encoder that made them; None to store none.

    Raises:
        OutputError: when the file cannot be written, or a word contains NUL or half of a surrogate pair.
    """
    unstorable = [repr(word) for word in words if not is_storable(word)]
    if unstorable:
        raise OutputError(f"{path}: HDF5 cannot hold these words: {', '.join(unstorable[:5])}")
    with new_file(path, TOKEN_EMBEDDINGS) as temporary, Hdf5Writer(temporary) as file:
        file.write("embedding", vectors.astype(np.float32, copy=False))
        file.write("words", np.array(words, dtype=h5py.string_dtype()))
        if encoder is not None:
            file.write("encoder", np.array(encoder.encode("ascii")))


def read_token_table(path: Path, words: Sequence[str] | None = None) -> TokenTable:
    """Read token vectors by word; files of bilm-tf can be read as well.

    Args:
        path: an HDF5 file.
        words: the words of the rows, used when the file does not list them; the last row of a word counts.

    Raises:
        ModelFileError: when the file is missing or unreadable, or its words are not known or do not match.
    """
    vectors, own_words, encoder = read_token_vectors(path)
    words = words if own_words is None else own_words
    if words is None:
        raise ModelFileError(
            f"{path}: the words of its rows are not known: give the vocabulary it was made with"
        )
    if len(vectors) != len(words):
        raise ModelFileError(
            f"{path}: embedding: shape {tuple(vectors.shape)}, expected a row for each of {len(words)} words"
        )
    if own_words is not None and len(set(words)) < len(words):
        raise ModelFileError(
            f"{path}: words: {len(words) - len(set(words))} duplicates, expected each word once"
        )
    return TokenTable(words, vectors, encoder=encoder, source=path)


def read_token_vectors(path: Path) -> StoredTokens:
    """Read token vectors, and what else the file says about them.

    Raises:
        ModelFileError: when the file is missing or unreadable, or contains something else.
    """
    words: list[str] | None = None
    encoder: str | None = None
    with open_datasets(path, "token embeddings") as datasets:
        if "embedding" not in datasets:
            raise ModelFileError(f"{path}: embedding: missing, expected a file of token embeddings")
        vectors = torch.from_numpy(read_floats(datasets["embedding"]))
        if "words" in datasets:
            words = _read_words(path, datasets["words"])
        if "encoder" in datasets:
            encoder = _read_fingerprint(path, datasets["encoder"])
    if vectors.dim() != 2:
        raise ModelFileError(f"{path}: embedding: shape {tuple(vectors.shape)}, expected one row per word")
    if problem := fault_of_values(vectors):
        raise ModelFileError(f"{path}: embedding: {problem}")
    return StoredTokens(vectors, words, encoder)


def _read_words(path: Path, dataset: h5py.Dataset) -> list[str]:
    if dataset.ndim != 1:
        raise ModelFileError(f"{path}: words: expected a list with one word for each row of embedding")
    check_storage(dataset)
    check_heaps(path)
    return [str(word) for word in dataset.asstr()[()]]


def _read_fingerprint(path: Path, dataset: h5py.Dataset) -> str:
    if dataset.shape != () or dataset.dtype.kind != "S" or dataset.dtype.itemsize > _LONGEST_FINGERPRINT:
        raise ModelFileError(f"{path}: encoder: expected the fingerprint of an encoder")
    check_storage(dataset)
    return bytes(dataset[()]).decode("ascii", "replace")
