from __future__ import annotations

import os

import fsspec
import pytest

from elmokit.data.sources import describe_changes, source_state


def state(path: str, size: int | None = 10, changed: object = 1) -> dict:
    return {"path": path, "size": size, "changed": changed}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ([state("a"), state("b")], ""),
        ([state("a", 12), state("b")], "a: 12 bytes, expected 10"),
        ([state("a"), state("b", changed=2)], "b: written to since"),
        ([state("a", 12), state("b", changed=0)], "a: 12 bytes, expected 10"),
        ([state("a")], "b: missing"),
        ([state("a"), state("b"), state("c")], "c: not there before"),
        ([state("b", None), state("c")], "a: missing; c: not there before; b: None bytes, expected 10"),
    ],
)
def test_the_files_that_changed_are_named(now, expected):
    assert describe_changes([state("a"), state("b")], now) == expected


def test_of_many_some_are_named():
    changes = describe_changes([state("a")], [state(name) for name in "abcdefgh"])
    assert changes.endswith("; f: not there before; 2 more")


def test_of_an_unknown_past_nothing_is_told():
    assert describe_changes([], [state("a")]) == ""


def test_the_state_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    os.utime("a.txt", ns=(5, 7))
    assert source_state("a.txt") == {"path": str(tmp_path / "a.txt"), "size": 4, "changed": 7}
    with fsspec.open("memory://a.txt", "w") as file:
        file.write("text")
    assert (source_state("memory://a.txt")["path"], source_state("memory://a.txt")["size"]) == (
        "memory://a.txt",
        4,
    )
