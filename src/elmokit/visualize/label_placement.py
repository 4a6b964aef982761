"""Where labels go beside their points, so that none covers another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

# Where the middle of a label lies from its point, in units of half its size; the first is tried first.
Direction: TypeAlias = tuple[int, int]
_DIRECTIONS: tuple[Direction, ...] = (
    (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1),
)  # fmt: skip


class Box(NamedTuple):
    """A rectangle whose sides are those of the picture."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Whether the two have more than an edge in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def lies_within(self, other: Box) -> bool:
        """Whether no part sticks out."""
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.bottom <= self.bottom
            and self.top <= other.top
        )


class Placement(NamedTuple):
    """A label that found a place."""

    box: Box
    direction: Direction
    """Where its middle lies from its point: -1, 0 or 1 to the right, and upward."""


class _Grid:
    """Boxes by the cells of a grid that they touch, so that only near ones are compared."""

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
    """Place as many labels as there is room for, the most important first.

    Each label tries eight places around its point, and of those where it covers no other label takes the one
    that covers the fewest points. The same input gives the same places.

    Args:
        points: (N, 2), in the units of the picture, such as pixels.
        sizes: (N, 2), width and height of each label.
        order: of the labels, the most important first; points that are not named get none.
        within: where labels may lie.
        gap: between a point's middle and its label.

    Returns:
        The labels that were placed, by the numbers of their points.
    """
    cell = 4 * float(np.median(sizes[:, 1])) if len(sizes) else 1.0
    labels, dots = _Grid(cell), _Grid(cell)
    for x, y in points:
        dots.add(Box(x - gap / 2, y - gap / 2, x + gap / 2, y + gap / 2))
    placed: dict[int, Placement] = {}
    for k in order:
        free = [
            place
            for place in _places_around(points[k], sizes[k], gap)
            if place.box.lies_within(within) and not labels.overlapping(place.box)
        ]
        if free:
            placed[k] = min(free, key=lambda place: len(dots.overlapping(place.box)))
            labels.add(placed[k].box)
    return placed


def _places_around(point: np.ndarray, size: np.ndarray, gap: float) -> Iterator[Placement]:
    for direction in _DIRECTIONS:
        dx, dy = direction
        x = float(point[0] + dx * (size[0] / 2 + gap))
        y = float(point[1] + dy * (size[1] / 2 + gap))
        box = Box(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
        yield Placement(box, direction)
