"""Colors of groups."""

from __future__ import annotations

from elmokit.visualize.map_looks import looks_of
from elmokit.visualize.palette import COLORS, OTHER, color_groups, marker_of


def test_the_largest_groups_have_their_own_colors(random_map):
    few = color_groups(["a", "b", "a", "c"])
    assert few == {"a": COLORS[0], "b": COLORS[1], "c": COLORS[2]}
    many = color_groups([f"g{k % 12}" for k in range(100)])
    assert list(many.values()).count(OTHER) == 12 - (len(COLORS) - 1)
    assert many["g3"] != OTHER
    dots = looks_of(random_map(100, [f"g{k % 12}" for k in range(100)])).dots
    assert (dots[-1].name, dots[-1].color, len(dots[-1].members)) == ("6 others", OTHER, 48)
    assert sorted(k for some in dots for k in some.members) == [*range(100)]


def test_every_color_has_a_shape_of_its_own():
    assert len({marker_of(color) for color in (*COLORS, OTHER)}) == len(COLORS) + 1
