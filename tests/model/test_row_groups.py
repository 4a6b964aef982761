"""Dividing rows and types into groups."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from elmokit.model.row_groups import TYPE_TILE, divide_rows, divide_types


@pytest.mark.parametrize("batch_sizes", [(64,) * 5, (70, 70, 41, 16, 3, 1), (40, 40, 1)])
@pytest.mark.parametrize("tile", [1, 16])
@pytest.mark.parametrize("num_groups", [1, 2, 3])
def test_every_position_is_in_one_group(batch_sizes, tile, num_groups):
    groups = divide_rows(batch_sizes, num_groups, tile=tile)
    positions = torch.arange(sum(batch_sizes))
    rows = torch.cat([torch.arange(size) for size in batch_sizes])
    steps = torch.repeat_interleave(torch.arange(len(batch_sizes)), torch.tensor(batch_sizes))
    seen = []
    for group in groups:
        own_rows = torch.arange(batch_sizes[0])[group.rows]
        expected = torch.cat([own_rows[own_rows < size] for size in batch_sizes])
        assert torch.equal(group.select(rows), expected)
        sizes = torch.bincount(group.select(steps)).tolist()
        assert sizes == list(group.batch_sizes)
        assert all(later <= earlier for earlier, later in pairwise(sizes))
        seen.append(group.select(positions))
    assert torch.equal(torch.cat(seen).sort().values, positions)
    assert len(groups) <= num_groups


def test_small_batches_are_not_divided():
    assert len(divide_rows((20, 20), 4, tile=1)) == 1
    assert len(divide_rows((64, 20), 4, tile=1)) == 4
    assert divide_types(100, 4) == [slice(0, 100)]


@pytest.mark.parametrize("num_types", [0, 1, 63, 128, 1000])
@pytest.mark.parametrize("num_groups", [1, 2, 3])
def test_types(num_types, num_groups):
    groups = divide_types(num_types, num_groups)
    assert [index for rows in groups for index in range(num_types)[rows]] == list(range(num_types))
    assert 1 <= len(groups) <= num_groups
    assert all((rows.stop - rows.start) % TYPE_TILE == 0 for rows in groups[:-1])
