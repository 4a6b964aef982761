"""The packed layout of sentences."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.model.packing import Packing, round_up


def test_round_up():
    assert [round_up(count, 16) for count in (0, 1, 15, 16, 17)] == [0, 16, 16, 16, 32]
    assert [round_up(count, 1) for count in (0, 1, 7)] == [0, 1, 7]


def test_three_sentences():
    """Words 0-1, 2-4 and 5: the second sentence is the longest."""
    packing = Packing([2, 3, 1], tile=1)
    assert packing.order.tolist() == [1, 0, 2]
    assert packing.batch_sizes == [3, 2, 1]
    forward, backward = packing.words
    assert forward.tolist() == [2, 0, 5, 3, 1, 4]
    assert backward.tolist() == [4, 1, 5, 3, 0, 2]


@pytest.mark.parametrize("tile", [1, 4, 16])
@pytest.mark.parametrize("lengths", [[1], [3, 3, 3], [2, 9, 4, 9, 1], list(range(1, 20))])
def test_positions_are_the_inverse_of_words(lengths, tile):
    packing = Packing(lengths, tile=tile)
    assert all(size % tile == 0 for size in packing.batch_sizes)
    assert packing.batch_sizes == sorted(packing.batch_sizes, reverse=True)
    assert len(packing.batch_sizes) == max(lengths)
    for words, positions_of in zip(packing.words, packing.positions_of, strict=True):
        assert len(words) == sum(packing.batch_sizes)
        np.testing.assert_array_equal(words[positions_of], np.arange(sum(lengths)))
        extra = np.setdiff1d(np.arange(len(words)), positions_of)
        assert not words[extra].any()  # the extra rows read the first word
