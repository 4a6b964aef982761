"""The largest memory of this process within a piece of work."""

from __future__ import annotations

import re
from pathlib import Path

_PROCESS = Path("/proc/self")


def restart_peak() -> None:
    """Forget the largest memory so far, where the system can (Linux)."""
    try:
        (_PROCESS / "clear_refs").write_text("5", encoding="utf-8")
    except OSError:  # another system, or not allowed: then peak_bytes is that since the process started
        return


def peak_bytes() -> int | None:
    """Return the largest memory since :func:`restart_peak`; None where the system does not tell."""
    try:
        found = re.search(
            r"^VmHWM:\s+(\d+) kB$", (_PROCESS / "status").read_text(encoding="utf-8"), re.MULTILINE
        )
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
