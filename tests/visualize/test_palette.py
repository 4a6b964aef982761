"""Colors and shapes of groups."""

from __future__ import annotations

from elmokit.viewer.map_data import MAX_GROUPS
from elmokit.visualize.map_looks import looks_of
from elmokit.visualize.palette import COLORS, OTHER, OTHER_LOOK, group_looks, marker_of


def test_the_first_groups_have_their_own_colors():
    few = group_looks(["a", "b", "a", "c"])
    assert few == {name: (COLORS[k], marker_of(COLORS[k])) for k, name in enumerate("abc")}


def test_further_groups_have_the_same_colors_in_other_shapes():
    looks = group_looks([f"g{k}" for k in range(MAX_GROUPS)])
    assert len(set(looks.values())) == MAX_GROUPS
    assert {color for color, _ in looks.values()} == set(COLORS)


def test_the_smallest_of_too_many_groups_are_gray(random_map):
    groups = [f"g{k % 30}" for k in range(100)]  # the first ten have a fourth member
    looks = group_looks(groups)
    assert list(looks.values()).count(OTHER_LOOK) == 30 - (MAX_GROUPS - 1)
    assert all(looks[f"g{k}"] != OTHER_LOOK for k in range(10))
    dots = looks_of(random_map(100, groups)).dots
    assert (dots[-1].name, dots[-1].color, len(dots[-1].members)) == ("10 others", OTHER, 30)
    assert sorted(k for some in dots for k in some.members) == [*range(100)]
    for some in dots[:-1]:
        assert {groups[k] for k in some.members} == {some.name}


def test_every_color_has_a_shape_of_its_own():
    assert len({marker_of(color) for color in (*COLORS, OTHER)}) == len(COLORS) + 1
