"""Small samples have the labels of the whole, grow by adding, and differ between seeds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from elmokit.downstream.comparison.samples import sample_order, train_sizes
from elmokit.errors import ConfigError

STRATA = ["neg"] * 60 + ["pos"] * 30 + ["neu"] * 10


@pytest.mark.parametrize("size", [10, 20, 50])
def test_a_sample_has_each_label_as_often_as_the_whole(size):
    for seed in range(5):
        counts = Counter(STRATA[row] for row in sample_order(STRATA, seed)[:size])
        for label, total in Counter(STRATA).items():
            assert abs(counts[label] - total * size / 100) <= 1.5, (label, counts)


def test_no_label_is_missing_from_a_small_sample():
    strata = ["common"] * 990 + ["rare"] * 9 + ["once"]
    for seed in range(10):
        assert {strata[row] for row in sample_order(strata, seed)[:3]} == {"common", "rare", "once"}


def test_every_item_comes_once_and_each_seed_has_its_own_order():
    first, again, other = (sample_order(STRATA, seed) for seed in (1, 1, 2))
    assert sorted(first) == list(range(100))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sizes_are_sorted_and_distinct():
    assert train_sizes("all, 30,10,100", 100) == (10, 30, 100)


@pytest.mark.parametrize("choice", ["0", "101", "ten", "10,", "-3"])
def test_other_sizes_are_refused(choice):
    with pytest.raises(ConfigError, match=r"train sizes: expected numbers from 1 to 100 .*, got '"):
        train_sizes(choice, 100)
