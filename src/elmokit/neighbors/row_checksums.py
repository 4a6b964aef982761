"""Checksums of single vectors, compared when a search reads them.

The vectors of a large index take longer to read than a search does, so that no checksum of all of them can be
compared. A search reads the vectors of some clusters, which lie all over the file: each vector has its own.
"""

from __future__ import annotations

import hashlib

import numpy as np

from elmokit.errors import CorpusError

CHECKSUM_TYPE = np.dtype("<u8")
_WORD_TYPE = np.dtype("<u4")  # 2 P numbers of 16 bits are a whole number of these
_BLOCK_NUMBERS = 1 << 20


def row_checksums(units: np.ndarray) -> np.ndarray:
    """Return the checksums (N,) of unit vectors (N, D) in half precision, D even.

    They are sums of 32-bit words times fixed weights, modulo 2^64: the multilinear hashing of Lemire and
    Kaser, "Strongly universal string hashing is fast" (2014), which NumPy computes for all rows at once. The
    weights are odd, so that a change of one word always changes the sum; any other change is missed with a
    probability of about 2^-32.
    """
    num_words = units.shape[1] * units.itemsize // _WORD_TYPE.itemsize
    weights = _weights(num_words)
    sums = np.empty(len(units), CHECKSUM_TYPE)
    block_rows = max(1, _BLOCK_NUMBERS // max(1, num_words))
    for start in range(0, len(units), block_rows):
        words = np.ascontiguousarray(units[start : start + block_rows]).view(_WORD_TYPE)
        sums[start : start + block_rows] = words.astype(np.uint64) @ weights
    return sums


def check_rows(units: np.ndarray, checksums: np.ndarray) -> None:
    """Compare vectors (N, D) with their checksums (N,).

    Raises:
        CorpusError: if a vector has another checksum.
    """
    if not np.array_equal(row_checksums(units), checksums):
        raise CorpusError(
            "damaged neighbor index: wrong checksum of a vector in vectors.f16: delete its directory and "
            "build it again"
        )


def _weights(count: int) -> np.ndarray:
    """Return odd numbers of 64 bits that are the same everywhere."""
    content = hashlib.shake_128(b"elmokit neighbor index").digest(count * CHECKSUM_TYPE.itemsize)
    return np.frombuffer(content, CHECKSUM_TYPE).astype(np.uint64) | np.uint64(1)
