"""Dividing the rows of a packed batch, and its word types, into groups that can be computed apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elmokit.model.packing import round_up

MIN_ROWS_PER_GROUP = 16
"""Smaller products make bad use of the processor."""

TYPE_TILE = 16
"""Word types are encoded in multiples of this, so that a type's vector does not depend on the others."""

MIN_TYPES_PER_GROUP = 64
"""Each group of types computes the tables of the character encoder anew."""


class RowGroup(NamedTuple):
    """Some rows of a batch, packed by themselves."""

    rows: np.ndarray | slice
    """The b rows of the batch."""
    batch_sizes: tuple[int, ...]
    """Number of the group's rows at each step, until they have all ended."""
    positions: Tensor | None
    """(n,) int64 packed positions in the batch; None for all of them."""

    def select(self, values: Tensor) -> Tensor:
        """Return the values (n, ...) at the group's positions from those (N, ...) of the batch."""
        return values if self.positions is None else values[self.positions.to(values.device)]


def divide_rows(batch_sizes: Sequence[int], num_groups: int, *, tile: int) -> list[RowGroup]:
    """Divide rows into groups of about the same number of positions.

    Args:
        batch_sizes: number of rows at each step, never increasing.
        num_groups: number of groups wanted; there are fewer if they would be small.
        tile: number of adjacent rows that stay together.
    """
    num_rows = batch_sizes[0]
    num_groups = max(1, min(num_groups, num_rows // max(tile, MIN_ROWS_PER_GROUP)))
    if num_groups == 1:
        return [RowGroup(slice(num_rows), tuple(batch_sizes), None)]
    sizes = np.array(batch_sizes)
    group_of_row = np.arange(num_rows) // tile % num_groups
    steps = np.repeat(np.arange(len(sizes)), sizes)  # (N,)
    row_at = np.arange(len(steps)) - (np.cumsum(sizes) - sizes)[steps]
    groups = []
    for group in range(num_groups):
        rows = np.flatnonzero(group_of_row == group)
        positions = np.flatnonzero(group_of_row[row_at] == group)
        counts = np.bincount(steps[positions])
        groups.append(RowGroup(rows, tuple(counts.tolist()), torch.from_numpy(positions)))
    return groups


def divide_types(num_types: int, num_groups: int) -> list[slice]:
    """Divide the rows of a type table into at most ``num_groups`` groups of about the same size."""
    num_groups = max(1, min(num_groups, num_types // MIN_TYPES_PER_GROUP))
    size = round_up(-(-num_types // num_groups), TYPE_TILE) if num_types else 1
    return [slice(start, min(start + size, num_types)) for start in range(0, max(num_types, 1), size)]
