"""Checksums of vectors: as a sum in Python computes them, and other for every flipped bit."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from elmokit.errors import CorpusError
from elmokit.neighbors import row_checksums as module
from elmokit.neighbors.row_checksums import check_rows, row_checksums


def by_hand(row: np.ndarray) -> int:
    content = row.tobytes()
    words = [int.from_bytes(content[k : k + 4], "little") for k in range(0, len(content), 4)]
    digest = hashlib.shake_128(b"elmokit neighbor index").digest(8 * len(words))
    weights = [int.from_bytes(digest[8 * k : 8 * k + 8], "little") | 1 for k in range(len(words))]
    return sum(w * x for w, x in zip(weights, words, strict=True)) % 2**64


@pytest.mark.parametrize("dim", [2, 6, 16])  # 2 P for any P
def test_they_are_sums_of_words_times_weights(monkeypatch, dim):
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 4 * dim)  # several blocks
    units = np.random.default_rng(0).normal(size=(19, dim)).astype("<f2")
    assert row_checksums(units).tolist() == [by_hand(row) for row in units]


def test_each_flipped_bit_and_each_two_flipped_bits_are_noticed():
    row = np.random.default_rng(0).normal(size=(1, 4)).astype("<f2")
    bits = 8 * row.nbytes
    changed = []
    for one in range(bits):
        for two in range(one, bits):
            content = bytearray(row.tobytes())
            for bit in {one, two}:
                content[bit // 8] ^= 1 << bit % 8
            changed.append(np.frombuffer(bytes(content), "<f2"))
    assert (row_checksums(np.stack(changed)) != row_checksums(row)).all()


def test_the_rows_are_compared():
    units = np.random.default_rng(0).normal(size=(3, 4)).astype("<f2")
    checksums = row_checksums(units)
    check_rows(units, checksums)
    check_rows(units[[2, 0]], checksums[[2, 0]])
    with pytest.raises(CorpusError, match=r"wrong checksum of a vector in vectors\.f16"):
        check_rows(units[[2, 0]], checksums[[0, 2]])
