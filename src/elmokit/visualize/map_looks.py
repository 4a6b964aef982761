"""What all pictures of a map share: fonts, and the color, shape and legend of its groups."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from elmokit.errors import MissingExtraError
from elmokit.visualize.fonts import choose_fonts, replace_missing
from elmokit.visualize.palette import COLORS, OTHER_LOOK, group_looks, marker_of
from elmokit.visualize.word_map import WordMap

_ANY_FONT = "sans-serif"  # for those who open an .svg file and do not have the fonts


class Dots(NamedTuple):
    """Points that look alike."""

    name: str
    """Text of the legend; empty if the map has no groups."""
    color: str
    marker: str
    members: np.ndarray
    """(n,) indices of the points."""


@dataclass(frozen=True)
class MapLooks:
    """Fonts and groups of a map."""

    map: WordMap
    families: list[str]
    """Font families, to be tried in this order for each character."""
    missing: frozenset[str]
    """Characters of the map that no font has."""

    @cached_property
    def dots(self) -> list[Dots]:
        """The points by group, in order of first appearance; all gray groups are one, the last."""
        groups = self.map.groups
        if groups is None:
            return [Dots("", COLORS[0], marker_of(COLORS[0]), np.arange(len(self.map.occurrences)))]
        looks = group_looks(groups)
        look_of = [looks[group] for group in groups]
        names = {look: self.drawable(group) for group, look in looks.items()}
        num_others = Counter(looks.values())[OTHER_LOOK]
        if num_others:
            names[OTHER_LOOK] = f"{num_others:,} others"
        return [
            Dots(name, *look, np.array([k for k, one in enumerate(look_of) if one == look]))
            for look, name in sorted(names.items(), key=lambda item: item[0] == OTHER_LOOK)
        ]

    def drawable(self, text: str) -> str:
        """Return a text with boxes in place of the characters that no font has."""
        return replace_missing(text, self.missing)


def looks_of(word_map: WordMap) -> MapLooks:
    """Choose the fonts of a map.

    Raises:
        MissingExtraError: if Matplotlib is not installed.
    """
    try:
        families, missing = choose_fonts([*word_map.texts, *(word_map.groups or ()), word_map.title])
    except ImportError:
        raise MissingExtraError("plotting", "plot") from None
    return MapLooks(word_map, [*families, _ANY_FONT], missing)
