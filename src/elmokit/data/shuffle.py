"""Random orders of any length in constant memory.

A permutation of 0…n-1 is computed where it is needed instead of being stored: a Feistel network over the next
power of four, iterated until the value is in range (Black and Rogaway 2002, "Ciphers with Arbitrary Finite
Domains"). A position in the order is one number, which makes resuming exact, and a corpus of billions of
sentences needs no table.
"""

from __future__ import annotations

import hashlib

import numpy as np

_NUM_ROUNDS = 6


class Permutation:
    """A permutation of ``range(size)`` that is determined by ``seed`` and ``epoch``."""

    def __init__(self, size: int, *, seed: int, epoch: int) -> None:
        self.size = size
        self._half_bits = max(1, ((max(size, 2) - 1).bit_length() + 1) // 2)
        digest = hashlib.blake2b(f"{seed}:{epoch}".encode(), digest_size=8 * _NUM_ROUNDS).digest()
        self._keys = np.frombuffer(digest, dtype=np.uint64)

    def values_at(self, positions: np.ndarray) -> np.ndarray:
        """Return the values (int64) at positions (int64) of the permutation; they have the same shape."""
        values = self._encrypt(positions.astype(np.uint64))
        outside = values >= self.size
        while outside.any():
            values[outside] = self._encrypt(values[outside])
            outside = values >= self.size
        return values.astype(np.int64)

    def _encrypt(self, values: np.ndarray) -> np.ndarray:
        bits = np.uint64(self._half_bits)
        mask = np.uint64((1 << self._half_bits) - 1)
        left, right = values >> bits, values & mask
        for key in self._keys:
            left, right = right, left ^ (_scramble(right ^ key) & mask)
        return (left << bits) | right


def _scramble(values: np.ndarray) -> np.ndarray:
    """Apply the finalizer of SplitMix64 (Steele et al. 2014): every input bit affects every output bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scrambled: np.ndarray = values ^ (values >> np.uint64(31))
    return scrambled
