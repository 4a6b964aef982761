"""Draw a map of words as a Matplotlib figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elmokit.visualize.canvas import checked_width, new_figure
from elmokit.visualize.label_placement import place_labels
from elmokit.visualize.map_looks import Dots, MapLooks, looks_of
from elmokit.visualize.palette import QUIET, TEXT
from elmokit.visualize.text_measure import shortened, text_width, wrapped
from elmokit.visualize.word_map import WordMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Lengths are in points of 1/72 inch.
_MIN_WIDTH, _MAX_WIDTH = 504.0, 1152.0  # of a map without a given width
_ASPECT = 0.75  # height / width of the map itself
_FEW = 40  # words that a map of the smallest width shows with large labels
_BORDER = 3.0
_LINE = 1.35  # height of a line, relative to its font size
_AXIS = 16.0  # for an axis label
_TITLE_SIZE, _CAPTION_SIZE = 10.0, 8.0
_MARGIN = 0.06  # on either side, relative to the spread of the points
_SWATCH = 12.0  # a point of the legend and the space after it
_BETWEEN = 14.0  # entries of the legend in a line
_FRAME = "#BBBBBB"


@dataclass(frozen=True)
class StaticMap:
    """A map as a figure."""

    figure: Figure
    caption: str
    """How the map was made, and how many points have labels."""
    missing: frozenset[str]
    """Characters that no installed font has, drawn as boxes."""


def draw_static(word_map: WordMap, width: float | None = None) -> StaticMap:
    """Draw a map of words with Matplotlib.

    Args:
        word_map: the map.
        width: of the figure, in centimeters; by default it depends on the number of words.

    Raises:
        ConfigError: if the width is out of range.
        MissingExtraError: if Matplotlib or textalloc is not installed.
    """
    looks = looks_of(word_map)
    num_points = len(word_map.occurrences)
    if width is None:
        full_width = min(_MAX_WIDTH, max(_MIN_WIDTH, _MIN_WIDTH * (num_points / _FEW) ** 0.25))
        size = 9.0 if num_points <= _FEW else 8.0
    else:
        full_width, size = checked_width(width) * 72, 8.0
    left = _BORDER + (_AXIS if word_map.axes else 0.0)
    inner = full_width - left - _BORDER
    title = wrapped(looks.drawable(word_map.title), looks.families, _TITLE_SIZE, inner)
    legend = _legend_lines(looks, size, inner)
    # The caption tells how many labels there is space for, and takes as many lines with any number.
    seed = f", seed {word_map.seed}"
    longest = wrapped(_caption(word_map, num_points // 2) + seed, looks.families, _CAPTION_SIZE, inner)
    above = len(title) * _TITLE_SIZE * _LINE + 2 * _BORDER
    below = 3 * _BORDER + (len(legend) * size + len(longest) * _CAPTION_SIZE) * _LINE
    below += _AXIS if word_map.axes else 0.0
    height = _ASPECT * inner
    full_height = above + height + below
    figure = new_figure(full_width / 72, full_height / 72)
    axes = figure.add_axes(
        (left / full_width, below / full_height, inner / full_width, height / full_height),
        xlim=_limits(word_map.coordinates[:, 0]),
        ylim=_limits(word_map.coordinates[:, 1]),
        xticks=[],
        yticks=[],
    )
    axes.spines[:].set_color(_FRAME)
    if word_map.axes:
        axes.set_xlabel(word_map.axes[0], fontsize=_CAPTION_SIZE, color=TEXT, labelpad=3)
        axes.set_ylabel(word_map.axes[1], fontsize=_CAPTION_SIZE, color=TEXT, labelpad=3)
    area = ((0.6 if num_points <= _FEW else 0.45 if num_points <= 500 else 0.3) * size) ** 2
    for dots in looks.dots:
        axes.scatter(
            word_map.coordinates[dots.members, 0],
            word_map.coordinates[dots.members, 1],
            s=area,
            c=dots.color,
            marker=dots.marker,
            linewidths=0,
        )
    labels = place_labels(
        axes,
        word_map.coordinates,
        [looks.drawable(text) for text in word_map.texts],
        word_map.by_importance,
        marker_area=area,
        font_size=size,
        families=looks.families,
    )
    caption = _caption(word_map, len(labels))

    def write(text: str, x: float, y: float, font_size: float, color: str = TEXT) -> None:
        figure.text(
            x / full_width,
            y / full_height,
            text,
            fontsize=font_size,
            fontfamily=looks.families,
            color=color,
            va="baseline",
            parse_math=False,
        )

    y = full_height - _BORDER
    for line in title:
        y -= _TITLE_SIZE * _LINE
        write(line, left, y + 0.3 * _TITLE_SIZE, _TITLE_SIZE)
    y = below - (_AXIS if word_map.axes else 0.0) - _BORDER
    for entries in legend:
        y -= size * _LINE
        for x, text, dots in entries:
            _draw_swatch(figure, dots, (left + x + 4) / full_width, (y + 0.35 * size) / full_height)
            write(text, left + x + _SWATCH, y, size)
    y -= _BORDER if legend else 0.0
    for line in wrapped(caption + seed, looks.families, _CAPTION_SIZE, inner):
        y -= _CAPTION_SIZE * _LINE
        write(line, left, y, _CAPTION_SIZE, QUIET)
    return StaticMap(figure, caption, looks.missing)


def _caption(word_map: WordMap, num_labels: int) -> str:
    num_points = len(word_map.occurrences)
    omitted = "" if num_labels == num_points else f", {num_labels:,} of {num_points:,} points labeled"
    return word_map.caption + omitted


def _limits(coordinates: np.ndarray) -> tuple[float, float]:
    low, high = float(coordinates.min()), float(coordinates.max())
    margin = _MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _legend_lines(looks: MapLooks, size: float, width: float) -> list[list[tuple[float, str, Dots]]]:
    """Return the lines of the legend: where each entry starts, its text and its dots."""
    lines: list[list[tuple[float, str, Dots]]] = []
    x = 0.0
    for dots in looks.dots:
        if not dots.name:
            continue
        count = f" ({len(dots.members):,})"
        space = width - _SWATCH - text_width(count, looks.families, size)
        text = shortened(dots.name, looks.families, size, space) + count
        wide = _SWATCH + text_width(text, looks.families, size)
        if not lines or x + wide > width:
            lines.append([])
            x = 0.0
        lines[-1].append((x, text, dots))
        x += wide + _BETWEEN
    return lines


def _draw_swatch(figure: Figure, dots: Dots, x: float, y: float) -> None:
    from matplotlib.lines import Line2D

    figure.add_artist(Line2D([x], [y], marker=dots.marker, color=dots.color, lw=0, markersize=5, mew=0))
