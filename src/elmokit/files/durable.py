"""Flushing to the disk and renaming, on every operating system."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

_CANNOT_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)  # directories, on some network file systems
_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.4)  # between tries to rename on Windows


def flush(file: Path) -> None:
    """Write the content of a file to the disk."""
    with file.open("r+b") as stream:  # Windows flushes only what is open for writing
        os.fsync(stream.fileno())


def flush_directory(directory: Path) -> None:
    """Write the names in a directory to the disk, where the system does not do that itself."""
    try:
        handle = os.open(directory, os.O_RDONLY)
    except PermissionError:  # one that may not be listed; Windows opens none
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(handle)


def make_directory(path: Path) -> None:
    """Create a directory and its missing parents, and have the disk remember them.

    Raises:
        OSError: when it cannot be made.
    """
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for directory in missing:
        flush_directory(directory.parent)


def rename(source: Path, target: Path) -> None:
    """Rename a file or directory, replacing a file.

    Windows refuses it while any program has one of them open or mapped into memory. Virus scanners do for a
    moment, so it is tried for a second.

    Raises:
        OSError: when it is still refused, saying why.
    """
    for wait_seconds in (*_WAITS_SECONDS, None):
        try:
            source.replace(target)
            return
        except PermissionError as error:
            if sys.platform == "win32":
                if wait_seconds is not None:
                    time.sleep(wait_seconds)
                    continue
                reason = "a program has it open: close it, or choose another name"
                raise PermissionError(error.errno, reason) from error
            raise
