"""Colors of groups."""

from __future__ import annotations

from elmokit.visualize.layout import lay_out
from elmokit.visualize.palette import COLORS, OTHER, color_groups


def test_the_largest_groups_have_their_own_colors(random_map):
    few = color_groups(["a", "b", "a", "c"])
    assert few == {"a": COLORS[0], "b": COLORS[1], "c": COLORS[2]}
    many = color_groups([f"g{k % 12}" for k in range(100)])
    assert list(many.values()).count(OTHER) == 12 - (len(COLORS) - 1)
    assert many["g3"] != OTHER
    layout = lay_out(random_map(100, [f"g{k % 12}" for k in range(100)]))
    assert layout.legend[-1] == ("6 others", OTHER)
