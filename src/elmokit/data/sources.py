"""What is known of the files of a text without reading them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec

from elmokit.data.find import is_url

_MOST_NAMED = 5


def source_state(path: str) -> dict[str, Any]:
    """What tells one state of a file from another.

    Args:
        path: of a file, or a URL.

    Returns:
        ``path``, ``size`` in bytes, and ``changed``, a time or an entity tag; None where it is not known.
    """
    if not is_url(path):
        status = Path(path).stat()
        return {"path": str(Path(path).absolute()), "size": status.st_size, "changed": status.st_mtime_ns}
    file_system, name = fsspec.core.url_to_fs(path)
    info = file_system.info(name)
    changed = next((info[key] for key in ("LastModified", "ETag", "mtime", "created") if info.get(key)), None)
    return {"path": path, "size": info.get("size"), "changed": str(changed)}


def describe_changes(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> str:
    """Which files make the difference between a text and what it was, as far as that can be told.

    Files of another time are named only where no size gives the difference away: they may just have been
    copied.

    Args:
        before: the states of the files then, from :func:`source_state`.
        now: their states now.

    Returns:
        Such as ``a.txt: 10 bytes, expected 12; b.txt: missing``; empty where nothing is known.
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
            f"{path}: written to since" for path in common if new[path]["changed"] != old[path]["changed"]
        ]
    more = [f"{len(changes) - _MOST_NAMED} more"] if len(changes) > _MOST_NAMED else []
    return "; ".join(changes[:_MOST_NAMED] + more)
