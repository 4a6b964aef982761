"""Place labels next to their points so that no two labels overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

# Offset of a label's center from its point, in units of half the label's size, in order of preference.
Direction: TypeAlias = tuple[int, int]
_DIRECTIONS: tuple[Direction, ...] = (
    (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1),
)  # fmt: skip


class Box(NamedTuple):
    """An axis-aligned rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Return whether the interiors of two boxes intersect."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def is_within(self, other: Box) -> bool:
        """Return whether the box is entirely inside another."""
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.bottom <= self.bottom
            and self.top <= other.top
        )


class Placement(NamedTuple):
    """Position of a label that was placed."""

    box: Box
    direction: Direction
    """Offset of the label's center from its point: -1, 0 or 1 to the right, and upward."""


class _Grid:
    """Boxes by the grid cells that they touch, so that only nearby boxes are compared."""

    def __init__(self, cell: float) -> None:
        self._cell = cell
        self._boxes: dict[tuple[int, int], list[Box]] = defaultdict(list)

    def add(self, box: Box) -> None:
        for cell in self._cells(box):
            self._boxes[cell].append(box)

    def overlapping(self, box: Box) -> set[Box]:
        return {near for cell in self._cells(box) for near in self._boxes.get(cell, ()) if near.overlaps(box)}

    def _cells(self, box: Box) -> Iterator[tuple[int, int]]:
        for x in range(int(box.left // self._cell), int(box.right // self._cell) + 1):
            for y in range(int(box.bottom // self._cell), int(box.top // self._cell) + 1):
                yield x, y


def place_labels(
    points: np.ndarray,
    sizes: np.ndarray,
    order: Iterable[int],
    *,
    within: Box,
    gap: float,
) -> dict[int, Placement]:
    """Place as many labels as there is space for, the most important ones first.

    Each label has eight candidate positions around its point. Among those where it covers no other label, it
    takes the one that covers the fewest points. The result is deterministic.

    Args:
        points: (N, 2) coordinates in the units of the figure, for example pixels.
        sizes: (N, 2) width and height of each label, in the same units.
        order: indices of the points to label, the most important first.
        within: the area that labels may cover.
        gap: distance from the center of a point to its label.

    Returns:
        The labels that were placed, by the index of their point.
    """
    cell = 4 * float(np.median(sizes[:, 1])) if len(sizes) else 1.0
    labels, dots = _Grid(cell), _Grid(cell)
    for x, y in points:
        dots.add(Box(x - gap / 2, y - gap / 2, x + gap / 2, y + gap / 2))
    placed: dict[int, Placement] = {}
    for k in order:
        free = [
            placement
            for placement in _candidates(points[k], sizes[k], gap)
            if placement.box.is_within(within) and not labels.overlapping(placement.box)
        ]
        if free:
            placed[k] = min(free, key=lambda placement: len(dots.overlapping(placement.box)))
            labels.add(placed[k].box)
    return placed


def _candidates(point: np.ndarray, size: np.ndarray, gap: float) -> Iterator[Placement]:
    """Yield the possible placements of a label around its point, in order of preference."""
    for direction in _DIRECTIONS:
        dx, dy = direction
        x = float(point[0] + dx * (size[0] / 2 + gap))
        y = float(point[1] + dy * (size[1] / 2 + gap))
        box = Box(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
        yield Placement(box, direction)
