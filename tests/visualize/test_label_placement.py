"""Placement of labels next to their points, as Matplotlib's renderer measures them."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from elmokit.visualize.canvas import new_figure
from elmokit.visualize.label_placement import place_labels

AREA = 20.0


def axes_of(points: np.ndarray) -> Axes:
    axes = new_figure(5, 4).add_axes((0.05, 0.15, 0.9, 0.8))
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
    axes.scatter(points[:, 0], points[:, 1], s=AREA)
    return axes


def placed(axes: Axes, points: np.ndarray, texts: list[str], order: list[int]) -> dict[int, Text]:
    families = ["DejaVu Sans"]
    return place_labels(axes, points, texts, order, marker_area=AREA, font_size=8, families=families)


def boxes_of(labels: dict[int, Text]) -> np.ndarray:
    return np.array([label.get_window_extent().extents for label in labels.values()]).reshape(-1, 4)


@pytest.mark.parametrize("num_points", [1, 30, 150, 600])
def test_labels_cover_no_label_and_no_point_and_stay_inside(num_points):
    generator = np.random.default_rng(num_points)
    points = generator.uniform(size=(num_points, 2))
    texts = ["Wg" * length for length in generator.integers(1, 6, num_points)]
    order = [int(k) for k in generator.permutation(num_points)]
    axes = axes_of(points)
    labels = placed(axes, points, texts, order)
    assert len(labels) >= min(num_points, 30)
    boxes = boxes_of(labels)
    apart = (
        (boxes[:, None, 0] >= boxes[None, :, 2])
        | (boxes[:, None, 2] <= boxes[None, :, 0])
        | (boxes[:, None, 1] >= boxes[None, :, 3])
        | (boxes[:, None, 3] <= boxes[None, :, 1])
    )
    np.fill_diagonal(apart, True)
    assert apart.all()
    page = axes.get_window_extent().extents
    assert (boxes[:, :2] >= page[:2]).all()
    assert (boxes[:, 2:] <= page[2:]).all()
    x, y = axes.transData.transform(points).T[:, None]
    radius = AREA**0.5 / 2 / 72 * axes.figure.dpi
    clear = (x + radius <= boxes[:, :1]) | (x - radius >= boxes[:, 2:3])
    clear |= (y + radius <= boxes[:, 1:2]) | (y - radius >= boxes[:, 3:])
    assert clear.all()
    again = placed(axes_of(points), points, texts, order)
    assert [*again] == [*labels]
    np.testing.assert_array_equal(boxes_of(again), boxes)


def test_the_most_important_points_come_first_and_the_others_have_no_label():
    points = np.array([[0.5, 0.5]] * 40)
    order = [7, 3, 11, 0, 1, *range(12, 40)]
    labels = placed(axes_of(points), points, ["a long label " * 2] * 40, order)
    assert [*labels] == order[: len(labels)]
    assert 4 <= len(labels) < len(order)
    assert placed(axes_of(points), points, [""] * 40, order) == {}


def test_a_line_connects_a_point_with_its_label_if_the_label_is_not_next_to_it():
    alone = np.array([[0.5, 0.5]])
    axes = axes_of(alone)
    placed(axes, alone, ["word"], [0])
    assert len(axes.lines) == 0
    crowd = np.array([[0.5, 0.5]] * 20)
    axes = axes_of(crowd)
    labels = placed(axes, crowd, ["word"] * 20, list(range(20)))
    assert 0 < len(axes.lines) < len(labels)
    for line in axes.lines:
        np.testing.assert_allclose(line.get_xydata()[1], (0.5, 0.5), atol=1e-9)
