"""Colors that people with color vision deficiencies can tell apart, and shapes for those who see none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count

from elmokit.viewer.map_data import MAX_GROUPS, look

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D")
"""The colors of Okabe and Ito 2008 that are dark enough on white, and one by Nowosad."""
OTHER = "#8C8C8C"
TEXT = "#222222"
QUIET = "#666666"
"""For captions and lines that only connect."""
_MARKERS = dict(zip((*COLORS, OTHER), "os^DvPhX", strict=True))
OTHER_LOOK = (OTHER, _MARKERS[OTHER])
"""Color and shape of the points whose group has no look of its own."""


def group_looks(groups: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Assign a color and a shape to each group, those of interactive maps.

    Args:
        groups: the group of each point.

    Returns:
        Color and shape by group, in order of first appearance. If there are more groups than looks, the
        smallest groups share the last one, which is gray.
    """
    sizes = Counter(groups)  # in order of first appearance
    num_own = len(sizes) if len(sizes) <= MAX_GROUPS else MAX_GROUPS - 1
    own = {group for group, _ in sizes.most_common(num_own)}
    markers = list(_MARKERS.values())
    looks = ((COLORS[color], markers[shape]) for color, shape in map(look, count()))
    return {group: next(looks) if group in own else OTHER_LOOK for group in sizes}


def marker_of(color: str) -> str:
    """Return the shape of the first group of a color, as Matplotlib calls it."""
    return _MARKERS[color]
