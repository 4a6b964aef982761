"""Which paths are files that can be read, and which files of a directory could be meant by their names."""

from __future__ import annotations

import errno
from pathlib import Path


def visible_files(directory: Path, *patterns: str) -> list[Path]:
    """Return the files of a directory that match one of the patterns, sorted.

    Hidden files are left out, among them the ``._name`` that macOS puts beside each file on a disk of
    another system. So are pipes and devices, which may never end.

    Args:
        directory: where to look.
        patterns: as for :meth:`pathlib.Path.glob`.

    Raises:
        OSError: when the directory cannot be read.
    """
    return sorted(
        path
        for pattern in patterns
        for path in directory.glob(pattern)
        if not path.name.startswith(".") and path.is_file()
    )


def require_regular_file(path: Path) -> None:
    """Refuse what is no file, for those who would read all of it; opening a pipe may wait forever.

    Raises:
        OSError: if it is a directory, pipe or device.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EISDIR, "a directory, pipe or device, expected a file")
