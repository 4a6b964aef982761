from __future__ import annotations

import pytest

from elmokit.data.sources import describe_changes


def state(path: str, size: int | None = 10, changed: object = 1) -> dict:
    return {"path": path, "size": size, "changed": changed}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ([state("a"), state("b")], ""),
        ([state("a", 12), state("b")], "a: 12 bytes, expected 10"),
        ([state("a"), state("b", changed=2)], "b: modified since"),
        ([state("a", 12), state("b", changed=0)], "a: 12 bytes, expected 10"),
        ([state("a")], "b: missing"),
        ([state("a"), state("b"), state("c")], "c: not there before"),
        ([state("b", None), state("c")], "a: missing; c: not there before; b: None bytes, expected 10"),
    ],
)
def test_the_files_that_changed_are_named(now, expected):
    assert describe_changes([state("a"), state("b")], now) == expected


def test_only_the_first_changes_are_named():
    changes = describe_changes([state("a")], [state(name) for name in "abcdefgh"])
    assert changes.endswith("; f: not there before; 2 more")


def test_nothing_is_known_about_the_earlier_version():
    assert describe_changes([], [state("a")]) == ""
