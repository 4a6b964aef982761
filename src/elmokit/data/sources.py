"""Changes to the files of a text since it was prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MOST_NAMED = 5


def source_key(state: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return what identifies a file of a text by its state: the path, and the checksum of a URL's query."""
    return state["path"], state.get("query")


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
    old, new = ({source_key(state): state for state in states} for states in (before, now))
    changes = [f"{key[0]}: missing" for key in old if key not in new]
    changes += [f"{key[0]}: not there before" for key in new if key not in old]
    common = [key for key in new if key in old]
    changes += [
        f"{key[0]}: {new[key]['size']} bytes, expected {old[key]['size']}"
        for key in common
        if new[key]["size"] != old[key]["size"]
    ]
    if not changes:
        changes = [
            f"{key[0]}: modified since" for key in common if new[key]["changed"] != old[key]["changed"]
        ]
    more = [f"{len(changes) - _MOST_NAMED} more"] if len(changes) > _MOST_NAMED else []
    return "; ".join(changes[:_MOST_NAMED] + more)
