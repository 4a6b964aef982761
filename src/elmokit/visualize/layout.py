"""Layout of a word map: its size and fonts, and which points have labels where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from elmokit.errors import MissingExtraError
from elmokit.visualize.fonts import choose_fonts, replace_missing
from elmokit.visualize.label_placement import Box, Placement, place_labels
from elmokit.visualize.palette import OTHER, color_groups
from elmokit.visualize.word_map import WordMap

POINT = 1 / 72
"""Size of a typographic point in inches."""
_MIN_WIDTH, _MAX_WIDTH = 7.0, 16.0  # inches
_ASPECT = 0.75  # height / width
_FEW = 40  # data points that a map of the smallest size shows with large labels
_GAP = 0.55  # distance from the center of a point to its label, relative to the font size
_MARGIN = 0.06  # on either side, relative to the spread of the points
_MAX_LEGEND_CHARACTERS = 72  # per entry


@dataclass(frozen=True)
class MapLayout:
    """What all renderers of a map share; lengths are in typographic points of 1/72 inch."""

    map: WordMap
    width: float
    """Width of the map itself, without legend and caption."""
    height: float
    """Height of the map itself."""
    font_size: float
    families: list[str]
    """Font families, to be tried in this order for each character."""
    missing: frozenset[str]
    """Characters of the labels that no font has."""
    limits: tuple[tuple[float, float], tuple[float, float]]
    """Limits of the x axis and of the y axis."""
    placements: dict[int, Placement]
    """The labels that are shown, by the index of their point."""

    @property
    def gap(self) -> float:
        """Distance from the center of a point to its label."""
        return _GAP * self.font_size

    @property
    def marker_diameter(self) -> float:
        """Diameter of a point."""
        return (0.6 if len(self.map.occurrences) <= _FEW else 0.35) * self.font_size

    @cached_property
    def colors(self) -> dict[str, str]:
        """Color of each group; empty if all points have the same color."""
        if self.map.groups is None:
            return {}
        return {str(group): color for group, color in color_groups(self.map.groups).items()}

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Text and color of each entry; one entry for all gray groups comes last."""
        own = [
            (self.drawable(group)[:_MAX_LEGEND_CHARACTERS], color)
            for group, color in self.colors.items()
            if color != OTHER
        ]
        num_others = len(self.colors) - len(own)
        return own + ([(f"{num_others:,} others", OTHER)] if num_others else [])

    @property
    def caption(self) -> str:
        """How the map was made, and how many points have labels."""
        num_points, num_labels = len(self.map.occurrences), len(self.placements)
        omitted = "" if num_labels == num_points else f", {num_labels:,} of {num_points:,} points labeled"
        return self.map.caption + omitted

    def drawable(self, text: str) -> str:
        """Return a text with boxes in place of the characters that no font has."""
        return replace_missing(text, self.missing)


def lay_out(word_map: WordMap) -> MapLayout:
    """Choose the size, the fonts and the label positions of a map.

    Raises:
        MissingExtraError: if Matplotlib, which measures the labels, is not installed.
    """
    num_points = len(word_map.occurrences)
    width = 72 * min(_MAX_WIDTH, max(_MIN_WIDTH, _MIN_WIDTH * (num_points / _FEW) ** 0.25))
    height = _ASPECT * width
    font_size = 9.0 if num_points <= _FEW else 7.0
    try:
        families, missing = choose_fonts([*word_map.texts, *(word_map.groups or ()), word_map.title])
    except ImportError:
        raise MissingExtraError("plotting", "plot") from None
    limits = (_limits(word_map.coordinates[:, 0]), _limits(word_map.coordinates[:, 1]))
    low = np.array([limit[0] for limit in limits])
    spread = np.array([limit[1] - limit[0] for limit in limits])
    order = word_map.by_importance
    texts = [replace_missing(text, missing) for text in word_map.texts]
    placements = place_labels(
        (word_map.coordinates - low) / spread * (width, height),
        _sizes(texts, families, font_size),
        order,
        within=Box(0, 0, width, height),
        gap=_GAP * font_size,
    )
    return MapLayout(word_map, width, height, font_size, families, missing, limits, placements)


def _limits(coordinates: np.ndarray) -> tuple[float, float]:
    low, high = float(coordinates.min()), float(coordinates.max())
    margin = _MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _sizes(texts: Iterable[str], families: list[str], font_size: float) -> np.ndarray:
    """Measure the width and height of texts, (N, 2)."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    # At 720 dpi, hinting makes no visible difference.
    renderer = RendererAgg(10, 10, 720)  # type: ignore[no-untyped-call]
    font = FontProperties(family=families, size=font_size)
    widths: dict[str, float] = {}
    for text in texts:
        if text not in widths:
            width, _, _ = renderer.get_text_width_height_descent(text, font, ismath=False)  # type: ignore[no-untyped-call]
            widths[text] = width / 10
    height = 1.25 * font_size  # the same for all labels, so that lines of text are even
    return np.array([(1.02 * widths[text] + 1, height) for text in texts]).reshape(-1, 2)
