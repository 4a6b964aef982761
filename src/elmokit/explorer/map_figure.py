"""The map of the page: a figure whose points can be clicked."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from elmokit.data.occurrences import Use
from elmokit.explorer.typed_text import shown_word
from elmokit.visualize.interactive_map import hover_text
from elmokit.visualize.label_placement import Box, place_labels
from elmokit.visualize.palette import COLORS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT = 430
"""In pixels."""
_USUAL_WIDTH = 640
_MARGIN = 28  # pixels around the outermost points, and for their labels
_FONT_SIZE = 13
_LABEL_HEIGHT = 15
_CHARACTER_WIDTH = 7.4  # of an average letter of the page's font, generously
_WIDE_CHARACTER_WIDTH = 13.5
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")
_SIDES = {-1: "left", 0: "center", 1: "right"}
_HEIGHTS = {-1: "bottom", 0: "middle", 1: "top"}


def color_of(number: int) -> str:
    """The color of a sentence, by its number."""
    return COLORS[number % len(COLORS)]


def symbol_of(number: int) -> str:
    """The symbol of a sentence, which tells apart those of the same color."""
    return _SYMBOLS[number // len(COLORS) % len(_SYMBOLS)]


def draw_map(
    uses: Sequence[Use], coordinates: np.ndarray, selected: int | None, width: int | None = None
) -> Figure:
    """Draw the words of the sentences, the selected one and its like emphasized.

    What the theme decides, such as the color of text, is left to the page's style sheet.

    Args:
        uses: N words.
        coordinates: (N, 2)
        selected: the place of the word among ``uses``.
        width: of the figure in pixels, as far as it is known.
    """
    from plotly.graph_objects import Figure, Scatter

    width = width or _USUAL_WIDTH
    limits, pixels = _fitted(coordinates, width)
    like = None if selected is None else uses[selected].word.casefold()
    is_like = [use.word.casefold() == like for use in uses]
    words = [shown_word(use.word) for use in uses]
    order = sorted(range(len(uses)), key=lambda k: (k != selected, not is_like[k], k))
    placements = place_labels(
        pixels,
        np.array([(_text_width(word) + 2, _LABEL_HEIGHT) for word in words]),
        order,
        within=Box(0, 0, width, HEIGHT),
        gap=8,
    )
    sides = [placements[k].direction if k in placements else (1, 0) for k in range(len(uses))]
    points = Scatter(
        x=coordinates[:, 0].tolist(),
        y=coordinates[:, 1].tolist(),
        customdata=list(range(len(uses))),
        mode="markers+text",
        marker={
            "color": [color_of(use.number) for use in uses],
            "symbol": [symbol_of(use.number) for use in uses],
            "size": [17 if k == selected else 12 if is_like[k] else 8 for k in range(len(uses))],
            "opacity": 1,
            "line": {"width": [3 if k == selected else 0.6 for k in range(len(uses))]},
        },
        text=[html.escape(word) if k in placements else "" for k, word in enumerate(words)],
        textposition=[f"{_HEIGHTS[y]} {_SIDES[x]}" for x, y in sides],
        textfont={
            "size": _FONT_SIZE,
            "weight": ["bold" if own else "normal" for own in is_like],
        },
        hovertext=[hover_text(use) for use in uses],
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
        uirevision=f"{width} {hash(tuple(uses))}",
    )
    return figure


def _fitted(coordinates: np.ndarray, width: int) -> tuple[list[list[float]], np.ndarray]:
    """The limits of both axes, with one scale for both, and where the points lie in pixels, (N, 2)."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    room = np.array([width, HEIGHT]) - 2 * _MARGIN * np.array([1.6, 1.0])
    scale = max(float(((high - low) / np.maximum(room, 1)).max()), 1e-6)  # units per pixel
    half = np.array([width, HEIGHT]) * scale / 2
    middle = (low + high) / 2
    limits = [[float(middle[axis] - half[axis]), float(middle[axis] + half[axis])] for axis in (0, 1)]
    return limits, (coordinates - (middle - half)) / scale


def _text_width(text: str) -> float:
    return sum(
        _WIDE_CHARACTER_WIDTH if unicodedata.east_asian_width(c) in "WF" else _CHARACTER_WIDTH for c in text
    )
