"""Flushing to the disk and renaming, on every operating system."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

# Windows opens no directories, other systems none that may not be listed, and some file systems flush none.
_CANNOT_FLUSH = (errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EBADF)
_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.4)  # between tries to rename on Windows


def make_directory(path: Path) -> None:
    """Create a directory and its missing parents, and have the disk remember them.

    Raises:
        OSError: when it cannot be made.
    """
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for directory in missing:
        flush(directory.parent)


def flush(path: Path) -> None:
    """Have the disk remember the content of a file, or the names in a directory.

    Raises:
        OSError: when the disk is full or damaged.
    """
    is_directory = path.is_dir()
    try:
        # Windows flushes only what is open for writing.
        handle = os.open(path, os.O_RDONLY if is_directory else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if not (is_directory and error.errno in _CANNOT_FLUSH):
            raise


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
