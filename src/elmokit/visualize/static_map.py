"""Draw a map of words as a Matplotlib figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elmokit.visualize.canvas import new_figure
from elmokit.visualize.layout import POINT, MapLayout
from elmokit.visualize.palette import COLORS, TEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BORDER = 0.15  # inches around the map
_TITLE = 0.3  # inches for the title
_AXIS = 0.3  # inches for an axis label
_LINE = 0.2  # inches per line of the legend and the caption
_DOT = 0.07  # inches, radius of a marker in the legend
_FRAME = "#BBBBBB"


def draw_static(layout: MapLayout) -> Figure:
    """Draw a map of words with Matplotlib.

    Raises:
        MissingExtraError: if Matplotlib is not installed.
    """
    word_map, legend = layout.map, layout.legend
    width, height = layout.width * POINT, layout.height * POINT
    axis = _AXIS if word_map.axes else 0.0
    below = _BORDER + _LINE * (1 + len(legend)) + axis
    left = _BORDER + axis
    full_width, full_height = left + width + _BORDER, below + height + _TITLE
    figure = new_figure(full_width, full_height)
    axes = figure.add_axes((left / full_width, below / full_height, width / full_width, height / full_height))
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    axes.set(xlim=layout.limits[0], ylim=layout.limits[1], xticks=[], yticks=[])
    axes.spines[:].set_color(_FRAME)
    figure.text(
        left / full_width,
        1 - _TITLE / 2 / full_height,
        layout.drawable(word_map.title),
        fontsize=10,
        fontfamily=layout.families,
        color=TEXT,
        va="center",
        parse_math=False,
    )
    if word_map.axes:
        axes.set_xlabel(word_map.axes[0], fontsize=layout.font_size, color=TEXT)
        axes.set_ylabel(word_map.axes[1], fontsize=layout.font_size, color=TEXT)
    groups = word_map.groups
    axes.scatter(
        word_map.coordinates[:, 0],
        word_map.coordinates[:, 1],
        s=layout.marker_diameter**2,
        c=[COLORS[0] if groups is None else layout.colors[groups[k]] for k in range(len(word_map.texts))],
        linewidths=0,
        zorder=1,
    )
    for k, (box, direction) in layout.placements.items():
        offset = (
            direction[0] * ((box.right - box.left) / 2 + layout.gap),
            direction[1] * ((box.top - box.bottom) / 2 + layout.gap),
        )
        axes.annotate(
            layout.drawable(word_map.texts[k]),
            (float(word_map.coordinates[k, 0]), float(word_map.coordinates[k, 1])),
            xytext=offset,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=layout.font_size,
            fontfamily=layout.families,
            color=TEXT,
            parse_math=False,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
            zorder=2,
        )
    y = below - axis - _LINE * 0.6
    for text, color in legend:
        x = left + _DOT
        figure.add_artist(
            Line2D([x / full_width], [y / full_height], marker="o", color=color, lw=0, markersize=_DOT * 72)
        )
        figure.text(
            (x + 2 * _DOT) / full_width,
            y / full_height,
            text,
            fontsize=layout.font_size,
            fontfamily=layout.families,
            color=TEXT,
            va="center",
            parse_math=False,
        )
        y -= _LINE
    caption = f"{layout.caption}, seed {word_map.seed}"
    figure.text(left / full_width, y / full_height, caption, fontsize=7, color="#666666", va="center")
    return figure
