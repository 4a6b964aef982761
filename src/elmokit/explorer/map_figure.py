"""The map of the page: a Plotly figure with clickable points."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from elmokit.data.occurrences import Occurrence
from elmokit.explorer.plotly_page import hover_text, plotly_text
from elmokit.explorer.typed_text import displayed_word
from elmokit.visualize.label_placement import Box, place_labels
from elmokit.visualize.palette import COLORS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT = 430
"""Height of the map in pixels."""
_DEFAULT_WIDTH = 640
_MARGIN = 28  # pixels around the outermost points and their labels
_FONT_SIZE = 13
_LABEL_HEIGHT = 15
_CHARACTER_WIDTH = 7.4  # pixels, a generous average for the font of the page
_WIDE_CHARACTER_WIDTH = 13.5
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")
_SIDES = {-1: "left", 0: "center", 1: "right"}
_HEIGHTS = {-1: "bottom", 0: "middle", 1: "top"}


def color_of(sentence_index: int) -> str:
    """Return the color of a sentence, given its index."""
    return COLORS[sentence_index % len(COLORS)]


def symbol_of(sentence_index: int) -> str:
    """Return the symbol of a sentence, given its index: it tells sentences of the same color apart."""
    return _SYMBOLS[sentence_index // len(COLORS) % len(_SYMBOLS)]


def draw_map(
    occurrences: Sequence[Occurrence],
    coordinates: np.ndarray,
    selected: int | None,
    width: int | None = None,
) -> Figure:
    """Draw the words of the sentences, and emphasize all occurrences of the selected word.

    Colors that depend on the theme, for example that of text, are left to the style sheet of the page.

    Args:
        occurrences: N words.
        coordinates: (N, 2)
        selected: index of the selected word in ``occurrences``.
        width: width of the figure in pixels; None if it is not known yet.
    """
    from plotly.graph_objects import Figure, Scatter

    width = width or _DEFAULT_WIDTH
    limits, pixels = _fit(coordinates, width)
    selected_word = None if selected is None else occurrences[selected].word.casefold()
    is_same = [occurrence.word.casefold() == selected_word for occurrence in occurrences]
    words = [displayed_word(occurrence.word) for occurrence in occurrences]
    order = sorted(range(len(occurrences)), key=lambda k: (k != selected, not is_same[k], k))
    placements = place_labels(
        pixels,
        np.array([(_text_width(word) + 2, _LABEL_HEIGHT) for word in words]),
        order,
        within=Box(0, 0, width, HEIGHT),
        gap=8,
    )
    sides = [placements[k].direction if k in placements else (1, 0) for k in range(len(occurrences))]
    points = Scatter(
        x=coordinates[:, 0].tolist(),
        y=coordinates[:, 1].tolist(),
        customdata=list(range(len(occurrences))),
        mode="markers+text",
        marker={
            "color": [color_of(occurrence.sentence_index) for occurrence in occurrences],
            "symbol": [symbol_of(occurrence.sentence_index) for occurrence in occurrences],
            "size": [17 if k == selected else 12 if is_same[k] else 8 for k in range(len(occurrences))],
            "opacity": 1,
            "line": {"width": [3 if k == selected else 0.6 for k in range(len(occurrences))]},
        },
        text=[plotly_text(word) if k in placements else "" for k, word in enumerate(words)],
        textposition=[f"{_HEIGHTS[y]} {_SIDES[x]}" for x, y in sides],
        textfont={
            "size": _FONT_SIZE,
            "weight": ["bold" if own else "normal" for own in is_same],
        },
        hovertext=[hover_text(occurrence) for occurrence in occurrences],
        hoverinfo="text",
        cliponaxis=False,
    )
    axis = {"visible": False, "zeroline": False, "showgrid": False}
    figure = Figure(points)
    figure.update_layout(
        template="none",
        height=HEIGHT,
        autosize=True,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        xaxis={**axis, "range": limits[0]},
        yaxis={**axis, "range": limits[1]},
        font={"family": "system-ui, sans-serif", "size": _FONT_SIZE},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"align": "left", "font": {"size": _FONT_SIZE}},
        showlegend=False,
        dragmode="pan",
        uirevision=f"{width} {hash(tuple(occurrences))}",
    )
    return figure


def _fit(coordinates: np.ndarray, width: int) -> tuple[list[list[float]], np.ndarray]:
    """Return the limits of both axes, which have the same scale, and the points in pixels, (N, 2)."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    available = np.array([width, HEIGHT]) - 2 * _MARGIN * np.array([1.6, 1.0])
    scale = max(float(((high - low) / np.maximum(available, 1)).max()), 1e-6)  # units per pixel
    half = np.array([width, HEIGHT]) * scale / 2
    middle = (low + high) / 2
    limits = [[float(middle[axis] - half[axis]), float(middle[axis] + half[axis])] for axis in (0, 1)]
    return limits, (coordinates - (middle - half)) / scale


def _text_width(text: str) -> float:
    return sum(
        _WIDE_CHARACTER_WIDTH if unicodedata.east_asian_width(c) in "WF" else _CHARACTER_WIDTH for c in text
    )
