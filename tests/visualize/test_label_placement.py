"""Placement of labels next to their points."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from elmokit.visualize.label_placement import Box, place_labels

PAGE = Box(0, 0, 500, 400)


def random_labels(num_points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    points = generator.uniform((0, 0), (500, 400), size=(num_points, 2))
    return points, generator.uniform((8, 9), (70, 9.01), size=(num_points, 2))


@pytest.mark.parametrize("num_points", [1, 30, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_labels_do_not_overlap_or_leave_the_page(num_points, seed):
    points, sizes = random_labels(num_points, seed)
    placed = place_labels(points, sizes, range(num_points), within=PAGE, gap=4)
    boxes = np.array([place.box for place in placed.values()])
    # Written down once more, for all pairs at a time.
    apart = (
        (boxes[:, None, 0] >= boxes[None, :, 2])
        | (boxes[:, None, 2] <= boxes[None, :, 0])
        | (boxes[:, None, 1] >= boxes[None, :, 3])
        | (boxes[:, None, 3] <= boxes[None, :, 1])
    )
    np.fill_diagonal(apart, True)
    assert apart.all()
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= (500, 400)).all()
    for k, (box, direction) in placed.items():
        np.testing.assert_allclose((box.right - box.left, box.top - box.bottom), sizes[k])
        middle = np.array([(box.left + box.right) / 2, (box.bottom + box.top) / 2])
        np.testing.assert_allclose(middle, points[k] + np.array(direction) * (sizes[k] / 2 + 4))
    assert place_labels(points, sizes, range(num_points), within=PAGE, gap=4) == placed


def test_points_with_enough_space_get_labels_in_order_of_importance():
    points = np.array([[250.0, 200.0]] * 12)
    sizes = np.full((12, 2), (60.0, 10.0))
    order = [7, 3, 11, 0, 1, 2, 4, 5, 6, 8, 9, 10]
    placed = place_labels(points, sizes, order, within=PAGE, gap=6)
    assert [*placed] == order[: len(placed)]
    assert len(placed) >= 4
    spread = np.array([[100.0 * x + 20, 50.0 * y + 30] for x, y in itertools.product(range(4), range(6))])
    assert len(place_labels(spread, np.full((24, 2), (50.0, 10.0)), range(24), within=PAGE, gap=4)) == 24


def test_points_that_are_not_in_the_order_get_no_label():
    points, sizes = random_labels(50, 0)
    placed = place_labels(points, sizes, range(20), within=PAGE, gap=4)
    assert 0 < len(placed) <= 20
    assert max(placed) < 20


def test_a_label_avoids_other_points():
    points = np.array([[100.0, 100.0], [120.0, 100.0]])
    placed = place_labels(points, np.full((2, 2), (30.0, 10.0)), [0], within=PAGE, gap=4)
    assert placed[0].direction == (-1, 0)
