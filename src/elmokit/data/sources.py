"""Changes to the files of a text since it was prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MOST_NAMED = 5


def describe_changes(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> str:
    """Describe which files differ between a text and its earlier version, as far as their states tell.

    Files with another time of change are named only if no difference in size explains the change: they may
    just have been copied.

    Args:
        before: The earlier states of the files, from :attr:`~elmokit.data.text_file.TextFile.source_state`.
        now: Their present states.

    Returns:
        One clause per file, for example ``a.txt: 10 bytes, expected 12; b.txt: missing``; empty if nothing is
        known about the earlier version.
    """
    if not before:
        return ""
    old, new = ({state["path"]: state for state in states} for states in (before, now))
    changes = [f"{path}: missing" for path in old if path not in new]
    changes += [f"{path}: not there before" for path in new if path not in old]
    common = [path for path in new if path in old]
    changes += [
        f"{path}: {new[path]['size']} bytes, expected {old[path]['size']}"
        for path in common
        if new[path]["size"] != old[path]["size"]
    ]
    if not changes:
        changes = [
            f"{path}: modified since" for path in common if new[path]["changed"] != old[path]["changed"]
        ]
    more = [f"{len(changes) - _MOST_NAMED} more"] if len(changes) > _MOST_NAMED else []
    return "; ".join(changes[:_MOST_NAMED] + more)
