"""Maps drawn with Matplotlib, as its renderer measures them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from elmokit.visualize.layout import lay_out
from elmokit.visualize.plots import plot_occurrences
from elmokit.visualize.static_map import draw_static


@pytest.mark.parametrize("num_points", [1, 30, pytest.param(3000, marks=pytest.mark.slow)])
def test_labels_do_not_overlap_stay_inside_and_are_large_enough_to_read(num_points, random_map, labels_of):
    layout = lay_out(random_map(num_points))
    figure = draw_static(layout)
    figure.dpi = 200
    renderer = figure.canvas.get_renderer()
    (axes,) = figure.axes
    labels = labels_of(figure)
    assert len(labels) == len(layout.placements)
    assert len(labels) == num_points or num_points == 3000
    assert len(labels) > 400 or num_points < 3000
    boxes = np.array([label.get_window_extent(renderer).extents for label in labels])
    apart = (
        (boxes[:, None, 0] >= boxes[None, :, 2])
        | (boxes[:, None, 2] <= boxes[None, :, 0])
        | (boxes[:, None, 1] >= boxes[None, :, 3])
        | (boxes[:, None, 3] <= boxes[None, :, 1])
    )
    np.fill_diagonal(apart, True)
    assert apart.all()
    page = axes.get_window_extent(renderer).extents
    assert (boxes[:, :2] >= page[:2] - 1).all()
    assert (boxes[:, 2:] <= page[2:] + 1).all()
    assert min(label.get_fontsize() for label in labels) >= 7


def test_every_word_is_drawn_in_the_color_of_its_sentence(embedder, sentences, labels_of):
    figure = plot_occurrences(embedder, sentences, method="pca")
    (axes,) = figure.axes
    (points,) = axes.collections
    assert len(points.get_offsets()) == 31
    assert len({tuple(color) for color in points.get_facecolor()}) == len(sentences)
    assert sorted(label.get_text() for label in labels_of(figure)) == sorted(" ".join(sentences).split())
    assert [text.get_text() for text in figure.texts] == [
        "Words in context · no_clips",
        *sentences,
        figure.texts[-1].get_text(),
    ]
    assert figure.texts[-1].get_text().endswith(", seed 0")
    assert re.fullmatch(r"first component, \d+% of the variance", axes.get_xlabel())
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_axes_of_tsne_have_no_labels_and_no_ticks(embedder, sentences):
    (axes,) = plot_occurrences(embedder, sentences).axes
    assert (axes.get_xlabel(), axes.get_ylabel(), *axes.get_xticks(), *axes.get_yticks()) == ("", "")


def test_letters_are_joined_and_separated_by_the_rules_of_their_script(embedder, labels_of):
    """Arabic and Persian: two adjacent ب change their shape, and a joiner separates them again."""
    alone, joined, parted = "\u0628", "\u0628\u0628", "\u0628\u200c\u0628"
    figure = plot_occurrences(embedder, [[alone, joined, parted]], method="pca")
    figure.dpi = 1000
    widths = {label.get_text(): label.get_window_extent().width for label in labels_of(figure)}
    assert widths[joined] < 0.8 * widths[parted]
    assert widths[parted] == pytest.approx(2 * widths[alone], rel=0.05)
