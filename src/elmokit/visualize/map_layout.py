"""How large the picture of a map is, and which of its points have a label where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from elmokit.errors import MissingExtraError
from elmokit.visualize.fonts import choose_fonts, writable
from elmokit.visualize.label_placement import Box, Placement, place_labels
from elmokit.visualize.palette import OTHER, color_groups
from elmokit.visualize.word_map import WordMap

POINT = 1 / 72  # of an inch
_SMALLEST, _LARGEST = 7.0, 16.0  # inches, the width of the map
_HEIGHT = 0.75  # of its width
_FEW = 40  # points that the smallest map shows with large labels
_GAP = 0.55  # of the font's size, from a point's middle to its label
_MARGIN = 0.06  # of the spread of the points, on either side
_LONGEST_LEGEND = 72  # characters of an entry


@dataclass(frozen=True)
class MapLayout:
    """Everything that the drawers of a map have to agree on; lengths are in points of 1/72 inch."""

    map: WordMap
    width: float
    """Of the map itself."""
    height: float
    font_size: float
    families: list[str]
    """Fonts, to be tried in this order for each character."""
    missing: frozenset[str]
    """Characters of the labels that none of them has."""
    limits: tuple[tuple[float, float], tuple[float, float]]
    """Of the coordinates shown: of x, of y."""
    placements: dict[int, Placement]
    """The labels that found room, by the numbers of their points."""

    @property
    def gap(self) -> float:
        """From a point's middle to its label."""
        return _GAP * self.font_size

    @property
    def marker_diameter(self) -> float:
        """Of a point."""
        return (0.6 if len(self.map.uses) <= _FEW else 0.35) * self.font_size

    @cached_property
    def colors(self) -> dict[str, str]:
        """By group."""
        if self.map.groups is None:
            return {}
        return {str(group): color for group, color in color_groups(self.map.groups).items()}

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Text and color of each entry, that of all gray groups last."""
        own = [
            (self.written(group)[:_LONGEST_LEGEND], color)
            for group, color in self.colors.items()
            if color != OTHER
        ]
        num_others = len(self.colors) - len(own)
        return own + ([(f"{num_others:,} others", OTHER)] if num_others else [])

    @property
    def caption(self) -> str:
        """How the map was made, and whether all labels are there."""
        num_points, num_labels = len(self.map.uses), len(self.placements)
        left_out = "" if num_labels == num_points else f", {num_labels:,} of {num_points:,} points labeled"
        return self.map.caption + left_out

    def written(self, text: str) -> str:
        """A text in characters that the fonts have."""
        return writable(text, self.missing)


def lay_out(word_map: WordMap) -> MapLayout:
    """Find size, fonts and labels of a map's picture.

    Raises:
        MissingExtraError: when Matplotlib, which measures the labels, is not installed.
    """
    num_points = len(word_map.uses)
    width = 72 * min(_LARGEST, max(_SMALLEST, _SMALLEST * (num_points / _FEW) ** 0.25))
    height = _HEIGHT * width
    font_size = 9.0 if num_points <= _FEW else 7.0
    try:
        families, missing = choose_fonts([*word_map.texts, *(word_map.groups or ())])
    except ImportError:
        raise MissingExtraError("plotting", "plot") from None
    limits = (_limits(word_map.coordinates[:, 0]), _limits(word_map.coordinates[:, 1]))
    low = np.array([limit[0] for limit in limits])
    spread = np.array([limit[1] - limit[0] for limit in limits])
    order = word_map.by_importance
    texts = [writable(text, missing) for text in word_map.texts]
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
    """Width and height of texts, (N, 2)."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    # Fine enough for hinting not to matter.
    renderer = RendererAgg(10, 10, 720)  # type: ignore[no-untyped-call]
    font = FontProperties(family=families, size=font_size)
    widths: dict[str, float] = {}
    for text in texts:
        if text not in widths:
            width, _, _ = renderer.get_text_width_height_descent(text, font, ismath=False)  # type: ignore[no-untyped-call]
            widths[text] = width / 10
    height = 1.25 * font_size  # the same for all, so that lines of text are even
    return np.array([(1.02 * widths[text] + 1, height) for text in texts]).reshape(-1, 2)
