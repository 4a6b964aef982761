"""Draw a map of words as a Plotly figure: zoom in, and hover over a point to see its sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elmokit.data.occurrences import Occurrence
from elmokit.errors import MissingExtraError
from elmokit.visualize.layout import MapLayout
from elmokit.visualize.palette import COLORS, TEXT
from elmokit.visualize.plotly_page import plotly_text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_PIXELS = 96 / 72  # per typographic point
_FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
_HORIZONTAL = {-1: "left", 0: "center", 1: "right"}
_VERTICAL = {-1: "bottom", 0: "middle", 1: "top"}
_LINE_CHARACTERS = 80  # in a hover text
_MAX_LINES = 12


def draw_interactive(layout: MapLayout) -> Figure:
    """Draw a map of words with Plotly.

    Raises:
        MissingExtraError: if Plotly is not installed.
    """
    try:
        from plotly.graph_objects import Figure, Scatter
    except ImportError:
        raise MissingExtraError("interactive plotting", "plot") from None
    word_map = layout.map
    groups = [""] * len(word_map.occurrences) if word_map.groups is None else word_map.groups
    traces: dict[str, list[int]] = {name: [] for name, _ in _entries(layout)}
    for k, group in enumerate(groups):
        traces[_entry_of(layout, group)].append(k)
    figure = Figure()
    for name, color in _entries(layout):
        points = traces[name]
        figure.add_trace(
            Scatter(
                x=word_map.coordinates[points, 0].tolist(),
                y=word_map.coordinates[points, 1].tolist(),
                name=plotly_text(name),
                mode="markers+text",
                marker={"color": color, "size": layout.marker_diameter * _PIXELS},
                text=[plotly_text(word_map.texts[k]) if k in layout.placements else "" for k in points],
                textposition=[_side(layout, k) for k in points],
                textfont={"size": layout.font_size * _PIXELS, "color": TEXT},
                hovertext=[hover_text(word_map.occurrences[k]) for k in points],
                hoverinfo="text",
                cliponaxis=False,
            )
        )
    hidden = {
        "showgrid": False,
        "zeroline": False,
        "showticklabels": False,
        "linecolor": "#BBBBBB",
        "mirror": True,
    }
    titles = word_map.axes or ("", "")
    num_lines = len(layout.legend)
    figure.update_layout(
        width=layout.width * _PIXELS + 80,
        height=layout.height * _PIXELS + 80 + 22 * num_lines,
        margin={"l": 40, "r": 40, "t": 20, "b": 60 + 22 * num_lines},
        xaxis={**hidden, "range": list(layout.limits[0]), "title": titles[0]},
        yaxis={**hidden, "range": list(layout.limits[1]), "title": titles[1]},
        font={"family": _FONT, "color": TEXT},
        paper_bgcolor="white",
        plot_bgcolor="white",
        hoverlabel={"align": "left", "bgcolor": "white"},
        showlegend=num_lines > 0,
        legend={"orientation": "v", "x": 0, "y": -0.04, "yanchor": "top"},
        dragmode="pan",
        annotations=[
            {
                "text": plotly_text(layout.caption),
                "x": 1, "y": 0, "xref": "paper", "yref": "paper", "yshift": -8,
                "xanchor": "right", "yanchor": "top", "showarrow": False,
                "font": {"size": 11, "color": "#666666"},
            }
        ],
    )  # fmt: skip
    return figure


def hover_text(occurrence: Occurrence) -> str:
    """Return the sentence of an occurrence in Plotly's markup, with the word in bold."""
    lines: list[str] = []
    line: list[str] = []
    length = 0
    for position, word in enumerate(occurrence.sentence):
        if length and length + len(word) > _LINE_CHARACTERS:
            lines.append(" ".join(line))
            line, length = [], 0
        shown = word if len(word) <= _LINE_CHARACTERS else word[: _LINE_CHARACTERS - 1] + "…"
        line.append(f"<b>{plotly_text(shown)}</b>" if position == occurrence.position else plotly_text(shown))
        length += len(shown) + 1
    lines.append(" ".join(line))
    around = next(number for number, text in enumerate(lines) if "<b>" in text)
    start = max(0, min(around - _MAX_LINES // 2, len(lines) - _MAX_LINES))
    shown_lines = lines[start : start + _MAX_LINES]
    return "<br>".join(
        [
            *(["…"] if start else []),
            *shown_lines,
            *(["…"] if start + _MAX_LINES < len(lines) else []),
        ]
    )


def _entries(layout: MapLayout) -> list[tuple[str, str]]:
    """Return name and color of each trace: the legend, or one unnamed trace without it."""
    return layout.legend or [("", COLORS[0])]


def _entry_of(layout: MapLayout, group: str) -> str:
    """Return the legend entry of a group."""
    if not layout.legend:
        return ""
    color = layout.colors[group]
    return next(text for text, own in layout.legend if own == color)


def _side(layout: MapLayout, point: int) -> str:
    dx, dy = layout.placements[point].direction if point in layout.placements else (1, 0)
    return f"{_VERTICAL[dy]} {_HORIZONTAL[dx]}"
