"""Place labels next to their points: on no other label, on no point, and inside the picture."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from elmokit.errors import MissingExtraError
from elmokit.visualize.palette import QUIET, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

_GAP = 1.5  # between a point and its label; all lengths are in points of 1/72 inch
_FARTHEST = 72.0  # from the middle of a label to its point
_APART = 1.0  # between labels
_SHORT = 2.5  # a label that is this many gaps away needs no line to its point
_MANY = 500  # points among which no label fits that is far from its own
_CANDIDATES, _CANDIDATES_OF_MANY = 400, 12


def place_labels(
    axes: Axes,
    points: np.ndarray,
    texts: Sequence[str],
    order: Sequence[int],
    *,
    marker_area: float,
    font_size: float,
    families: Sequence[str],
) -> dict[int, Text]:
    """Label as many points as there is space for, the most important ones first.

    A label is moved away from its point if there is space within an inch, and is then connected with it
    by a thin line. Lines cross neither each other nor labels. The result is deterministic. The places are
    found by textalloc, for the limits and the position that the axes have when this is called.

    Args:
        axes: where the points are drawn.
        points: (N, 2) coordinates of all points, which labels do not cover.
        texts: N labels.
        order: indices of the points to label, the most important first.
        marker_area: size of a point, as in ``Axes.scatter``.
        font_size: of the labels.
        families: font families, to be tried in this order for each character.

    Returns:
        The labels that were placed, by the index of their point.

    Raises:
        MissingExtraError: if textalloc is not installed.
    """
    try:
        from textalloc import allocate
    except ImportError:
        raise MissingExtraError("placing labels", "plot") from None
    order = [k for k in order if texts[k]]
    if not order:
        return {}
    width = axes.get_window_extent().width / axes.figure.dpi * 72
    is_large = len(points) > _MANY
    obstacles = axes.scatter(points[:, 0], points[:, 1], s=marker_area)
    with contextlib.redirect_stdout(io.StringIO()):  # textalloc prints when it finds no place
        placed = allocate(
            axes,
            points[order, 0],
            points[order, 1],
            [texts[k] for k in order],
            x_scatter=points[:, 0],
            y_scatter=points[:, 1],
            scatter_plot=obstacles,
            textsize=font_size,
            textcolor=TEXT,
            linecolor=QUIET,
            linewidth=0.4,
            margin=_APART / width,
            min_distance=(marker_area**0.5 / 2 + _GAP) / width,
            max_distance=_FARTHEST / width,
            draw_all=False,
            nbr_candidates=_CANDIDATES_OF_MANY if is_large else _CANDIDATES,
            avoid_label_lines_overlap=not is_large,
            avoid_crossing_label_lines=not is_large,
            family=list(families),
            va="bottom",
            parse_math=False,
            zorder=3,
        )
    obstacles.remove()
    labels, lines = cast("tuple[list[Text | None], list[Line2D | None]]", placed[2:])
    shortest = _SHORT * (marker_area**0.5 / 2 + _GAP) / 72 * axes.figure.dpi
    for line in filter(None, lines):
        ends = axes.transData.transform(line.get_xydata())
        if np.hypot(*(ends[1] - ends[0])) < shortest:
            line.remove()
    return {k: label for k, label in zip(order, labels, strict=True) if label is not None}
