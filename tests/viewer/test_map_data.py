"""The data of a map page."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np

from elmokit.viewer.map_data import NUM_COLORS, SubstituteTable, json_in_html, look


def decoded(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def test_a_map_is_stored_as_json(make_map):
    data = make_map([["every", "right"], ["a", "\ud83d", "c"]])
    found = json.loads(json.dumps(data.to_json()))
    assert (found["format"], found["version"], found["start"]) == ("elmokit-map", 1, 2)
    assert found["sentences"] == [["every", "right"], ["a", "?", "c"]]
    assert decoded(found["occurrences"], "<i4").tolist() == [0, 0, 0, 1, 1, 0, 1, 1, 1, 2]
    for layer, own in zip(found["layers"], data.layers, strict=True):
        np.testing.assert_allclose(
            decoded(layer["coordinates"], "<f4").reshape(-1, 2), own.coordinates, rtol=1e-6
        )
        np.testing.assert_array_equal(decoded(layer["neighbors"], "<i4").reshape(5, 4), own.neighbors)
    assert decoded(found["groups"]["of"], "<u2").tolist() == [0, 1, 2, 0, 1]
    assert found["groups"]["entries"][0] == {
        "name": "vote · citizen",
        "count": 2,
        "central": 0,
        "color": 0,
        "shape": 0,
    }


def test_json_cannot_end_the_element_that_holds_it():
    hostile = {"a": "</script><script>alert(1)</script>", "b": "<!--", "c": "\u2028&amp;", "d": "日本"}
    written = json_in_html(hostile)
    assert not set("<>&\u2028") & set(written)
    assert "日本" in written
    assert json.loads(written) == hostile
    assert json.loads(json_in_html(["\ud83d"])) == ["?"]


def test_no_two_groups_look_alike():
    assert len({look(number) for number in range(49)}) == 49
    assert all(0 <= part < NUM_COLORS for number in range(100) for part in look(number))


def test_substitutes_are_stored_as_a_table(make_map):
    table = SubstituteTable(["vote", "\ud83d"], np.array([[0, 1], [1, -1]]), np.array([[0.5, 0.25], [1, 0]]))
    found = replace(make_map([["a", "b"]]), substitutes=table).to_json()["substitutes"]
    assert found["words"] == ["vote", "?"]
    assert decoded(found["of"], "<i4").tolist() == [0, 1, 1, -1]
    assert decoded(found["shares"], "<f4").tolist() == [0.5, 0.25, 1, 0]
