"""Colors that people with color vision deficiencies can tell apart, and shapes for those who see none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D")
"""The colors of Okabe and Ito 2008 that are dark enough on white, and one by Nowosad."""
OTHER = "#8C8C8C"
TEXT = "#222222"
QUIET = "#666666"
"""For captions and lines that only connect."""
_MARKERS = dict(zip((*COLORS, OTHER), "os^DvPhX", strict=True))


def color_groups(groups: Sequence[Hashable]) -> dict[Hashable, str]:
    """Assign a color to each group: the largest groups get their own colors, all others are gray.

    Args:
        groups: the group of each point.

    Returns:
        Colors by group, in order of first appearance.
    """
    sizes = Counter(groups)
    first = {group: index for index, group in reversed(list(enumerate(groups)))}
    by_appearance = sorted(sizes, key=first.__getitem__)
    largest = sorted(by_appearance, key=lambda group: -sizes[group])
    own = set(largest if len(largest) <= len(COLORS) else largest[: len(COLORS) - 1])
    colors = iter(COLORS)
    return {group: next(colors) if group in own else OTHER for group in by_appearance}


def marker_of(color: str) -> str:
    """Return the shape of the points of a color, as Matplotlib calls it; interactive maps have the same."""
    return _MARKERS[color]
