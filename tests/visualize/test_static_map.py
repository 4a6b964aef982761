"""Maps drawn with Matplotlib, as its renderer measures them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from elmokit.errors import ConfigError
from elmokit.visualize.plots import plot_occurrences
from elmokit.visualize.static_map import draw_static


@pytest.mark.parametrize("width", [None, 7.7, 16.0])
def test_a_figure_has_the_given_width_and_text_of_8_to_10_points(width, random_map):
    names = [f"a group with the name {k % 3} " + "long " * 30 for k in range(60)]
    drawn = draw_static(random_map(60, names), width)
    figure = drawn.figure
    if width is not None:
        assert figure.get_figwidth() == pytest.approx(width / 2.54)
    page = figure.bbox.extents
    boxes = np.array([text.get_window_extent().extents for text in figure.texts])
    assert (boxes[:, :2] >= page[:2]).all()
    assert (boxes[:, 2:] <= page[2:]).all()
    assert {text.get_fontsize() for text in (*figure.texts, *figure.axes[0].texts)} <= {8, 9, 10}
    assert [text.get_text()[-6:] for text in figure.texts[1:4]] == ["… (20)"] * 3
    assert len(figure.axes[0].texts) <= 60


@pytest.mark.parametrize("width", [4.9, 101.0, float("nan")])
def test_a_width_that_no_figure_has_is_an_error(width, random_map):
    with pytest.raises(ConfigError, match="width: expected 5 to 100 centimeters"):
        draw_static(random_map(3), width)


@pytest.mark.slow
def test_a_map_of_many_words_has_many_labels(random_map):
    drawn = draw_static(random_map(3000))
    assert len(drawn.figure.axes[0].texts) > 200
    assert drawn.caption.endswith("of 3,000 points labeled")


def test_every_word_is_drawn_in_the_color_of_its_sentence(embedder, sentences, labels_of):
    figure = plot_occurrences(embedder, sentences, method="pca")
    (axes,) = figure.axes
    assert [len(points.get_offsets()) for points in axes.collections] == [5, 5, 9, 5, 7]
    assert len({tuple(points.get_facecolor()[0]) for points in axes.collections}) == len(sentences)
    shapes = {points.get_paths()[0].vertices.tobytes() for points in axes.collections}
    assert len(shapes) == len(sentences)
    assert sorted(label.get_text() for label in labels_of(figure)) == sorted(" ".join(sentences).split())
    assert [text.get_text() for text in figure.texts] == [
        "Words in context · no_clips",
        *(f"{sentence} ({len(sentence.split())})" for sentence in sentences),
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
