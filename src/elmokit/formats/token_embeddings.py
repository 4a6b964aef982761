"""Precomputed context-free token vectors, the ``embedding`` file of bilm-tf.

One HDF5 file: ``embedding`` (V, P) float32, a row per word, and ``words`` (V,), which is elmokit's
addition: other tools overlook it, and the file speaks for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from elmokit.atomic import new_file
from elmokit.errors import ModelFileError
from elmokit.formats.bilm_hdf5 import HDF5_ERRORS
from elmokit.formats.hdf5_writer import Hdf5Writer


class TokenTable(Mapping[str, Tensor]):
    """Token vectors (P,) by word.

    Args:
        words: V of them, each once.
        vectors: (V, P).
    """

    def __init__(self, words: Sequence[str], vectors: Tensor) -> None:
        self._rows = {word: row for row, word in enumerate(words)}
        self.vectors = vectors

    def __getitem__(self, word: str) -> Tensor:
        return self.vectors[self._rows[word]]

    def __contains__(self, word: object) -> bool:
        return word in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def write_token_embeddings(path: Path, words: Sequence[str], vectors: np.ndarray) -> None:
    """Write token vectors.

    Args:
        path: the HDF5 file, which appears when it is complete.
        words: V of them.
        vectors: (V, P).

    Raises:
        OutputError: when the file cannot be written.
    """
    with new_file(path) as temporary, Hdf5Writer(temporary) as file:
        file.write("embedding", vectors.astype(np.float32, copy=False))
        file.write("words", np.array(words, dtype=h5py.string_dtype()))


def read_token_table(path: Path, words: Sequence[str] | None = None) -> TokenTable:
    """Read token vectors, those written by bilm-tf included.

    Args:
        path: an HDF5 file.
        words: of the rows, where the file does not name them itself.

    Raises:
        ModelFileError: when the file is unreadable, its words are not known, or do not fit.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file, expected a file of token embeddings")
    try:
        with h5py.File(path, "r") as file:
            if not isinstance(file.get("embedding"), h5py.Dataset):
                raise ModelFileError(f"{path}: embedding: missing, expected a file of token embeddings")
            vectors = np.asarray(file["embedding"][()], dtype=np.float32)
            if "words" in file:
                words = _read_words(path, file["words"])
    except HDF5_ERRORS as error:
        reason = str(error).split("\n", 1)[0]
        raise ModelFileError(
            f"{path}: cannot read the token embeddings: damaged or not HDF5 ({reason})"
        ) from None
    if words is None:
        raise ModelFileError(f"{path}: does not say whose its rows are: give the vocabulary it was made with")
    if vectors.ndim != 2 or len(vectors) != len(words):
        raise ModelFileError(
            f"{path}: embedding: shape {vectors.shape}, expected a row for each of {len(words)} words"
        )
    if not np.isfinite(vectors).all():
        raise ModelFileError(f"{path}: embedding: holds NaN or infinite values")
    if len(set(words)) < len(words):
        raise ModelFileError(f"{path}: words: {len(words) - len(set(words))} of them stand there twice")
    return TokenTable(words, torch.from_numpy(vectors))


def _read_words(path: Path, dataset: h5py.Dataset | h5py.Group) -> list[str]:
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1:
        raise ModelFileError(f"{path}: words: expected a list of words, one for each row of embedding")
    return [str(word) for word in dataset.asstr()[()]]
