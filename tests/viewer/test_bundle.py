"""The modules of the viewer, joined to one script."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from elmokit.viewer.bundle import asset, asset_names, bundle
from elmokit.viewer.map_data import NUM_COLORS
from elmokit.viewer.map_page import map_page
from elmokit.visualize.palette import COLORS, OTHER

MODULES = sorted(name for name in asset_names() if name.endswith(".js"))
_TOP_LEVEL = re.compile(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("entry", ["map_page.js", "explore_page.js"])
def test_each_module_comes_once_and_before_it_is_used(entry):
    script = bundle(entry)
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    joined = [name for name in MODULES if asset(name).splitlines()[0] in script]
    assert entry in joined
    for name in joined:
        first_line = asset(name).splitlines()[0]
        assert script.count(first_line) == 1
        for imported in re.findall(r'from "\./([\w.]+)"', asset(name)):
            assert script.index(asset(imported).splitlines()[0]) < script.index(first_line)


def test_no_two_modules_have_a_name_in_common():
    names = _TOP_LEVEL.findall(bundle("map_page.js"))
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", sorted(asset_names()))
def test_nothing_is_loaded_from_elsewhere(name):
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", asset(name))
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", asset(name)
    )


def test_the_colors_are_those_of_the_figures():
    style = asset("theme.css")
    light = style[: style.index("@media")]
    for number, color in enumerate(COLORS):
        assert f"--group-{number}: {color.lower()};" in light
        assert style.count(f"--group-{number}:") == 2
    assert f"--group-other: {OTHER.lower()};" in light
    assert len(COLORS) == NUM_COLORS


def test_the_map_in_the_documentation_has_the_viewer_of_today(make_map):
    """A map keeps the viewer that it was written with; examples/tiny-en/pictures.sh writes this one again."""
    stored = (Path(__file__).parents[2] / "docs" / "images" / "rest.html").read_text(encoding="utf-8")
    data_element = re.compile(r'(?<=id="map-data">).*?(?=</script>)', re.DOTALL)
    data = json.loads(data_element.search(stored)[0])
    now = replace(make_map([["a", "b"]]), title=data["title"], caption=data["caption"])
    assert set(data) == set(now.to_json())
    assert data_element.sub("", stored) == data_element.sub("", map_page(now))
