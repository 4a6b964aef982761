from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.shuffle import Permutation


def values(size: int, seed: int = 0, epoch: int = 0) -> list[int]:
    return Permutation(size, seed=seed, epoch=epoch).values_at(np.arange(size)).tolist()


def test_every_size_is_permuted():
    for size in range(1, 301):
        assert sorted(values(size)) == list(range(size)), size


@pytest.mark.parametrize("size", [10**9 + 7, 2**40, 2**40 + 1])
def test_a_large_size_gives_distinct_values_in_range(size):
    positions = np.unique(np.random.default_rng(0).integers(0, size, 20_000))
    found = Permutation(size, seed=3, epoch=1).values_at(positions)
    assert len(np.unique(found)) == len(positions)
    assert found.min() >= 0
    assert found.max() < size
    # Spread over the whole range, not only permuted locally.
    assert abs(found.mean() / size - 0.5) < 0.02
    assert abs(np.corrcoef(positions, found)[0, 1]) < 0.05


def test_positions_one_by_one():
    permutation = Permutation(100, seed=5, epoch=2)
    assert [int(permutation.values_at(np.array([k]))[0]) for k in range(100)] == values(100, 5, 2)


def test_the_order_depends_on_seed_and_epoch_alone():
    assert values(50, 1, 0) == values(50, 1, 0)
    orders = [tuple(values(50, seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == len(orders)
    assert tuple(range(50)) not in orders


def test_positions_are_left_unchanged():
    positions = np.arange(7)
    Permutation(7, seed=0, epoch=0).values_at(positions)
    assert positions.tolist() == list(range(7))
