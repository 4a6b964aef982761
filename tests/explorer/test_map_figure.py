"""The map of the page."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.occurrences import Occurrence
from elmokit.explorer.map_figure import HEIGHT, color_of, draw_map, symbol_of

SENTENCE = ("we", "have", "the", "<b>right</b>", "to", "Have", "x" * 100)
OCCURRENCES = [Occurrence(SENTENCE, 0, k) for k in range(len(SENTENCE))]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def coordinates(rng) -> np.ndarray:
    return rng.normal(size=(len(OCCURRENCES), 2))


def test_each_word_is_a_point(coordinates):
    (points,) = draw_map(OCCURRENCES, coordinates, selected=1).data
    np.testing.assert_array_equal(np.transpose([points.x, points.y]), coordinates)
    assert list(points.customdata) == list(range(len(OCCURRENCES)))
    assert points.marker.size[1] == max(points.marker.size)
    assert points.marker.size[1] > points.marker.size[5] > points.marker.size[0]  # have, Have, we
    assert [weight == "bold" for weight in points.textfont.weight] == [
        k in (1, 5) for k in range(len(OCCURRENCES))
    ]


def test_words_are_not_interpreted_as_markup(coordinates):
    (points,) = draw_map(OCCURRENCES, coordinates, selected=None).data
    assert points.text[3] == "&lt;b&gt;right&lt;/b&gt;"
    assert "&lt;b&gt;right&lt;/b&gt;" in points.hovertext[3]
    assert "<b>the</b>" in points.hovertext[2]
    assert points.text[6] == "x" * 29 + "…"


@pytest.mark.parametrize("width", [None, 300, 900])
def test_both_axes_have_the_same_scale_and_all_points_are_inside(coordinates, width):
    layout = draw_map(OCCURRENCES, coordinates, None, width).layout
    (x0, x1), (y0, y1) = layout.xaxis.range, layout.yaxis.range
    assert (x1 - x0) / (width or 640) == pytest.approx((y1 - y0) / HEIGHT)
    assert x0 < coordinates[:, 0].min()
    assert x1 > coordinates[:, 0].max()
    assert y0 < coordinates[:, 1].min()
    assert y1 > coordinates[:, 1].max()


def test_identical_points_are_drawn(rng):
    figure = draw_map(OCCURRENCES, np.zeros((len(OCCURRENCES), 2)), 0)
    assert sum(text != "" for text in figure.data[0].text) > 1


def test_twenty_eight_sentences_look_different():
    looks = {(color_of(number), symbol_of(number)) for number in range(28)}
    assert len(looks) == 28
