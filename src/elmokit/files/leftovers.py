"""Temporary files and directories whose owner is known, so that those of killed processes can be cleared.

Something that is being written has a temporary name in the same directory, ``.NAME.TOKEN.partial``, and
beside it lies ``.NAME.TOKEN.lock``. The operating system releases the lock when the process ends, whatever
ends it, so what is not locked belongs to nobody.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_PARTIAL = "partial"  # suffix of what is not complete yet
_REPLACED = "replaced"  # suffix of a complete directory that is being replaced
_LOCK = "lock"
_NAME = re.compile(rf"\.(.+)\.([0-9a-f]{{16}})\.({_PARTIAL}|{_REPLACED}|{_LOCK})", re.DOTALL)
_OLD_SECONDS = 24 * 60 * 60  # without a write: nobody writes anything this slowly


def temporary_path(path: Path) -> Path:
    """Return a temporary name for ``path``. The caller knows it before the file exists, in case of Ctrl-C."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.{_PARTIAL}")


def replaced_path(temporary: Path) -> Path:
    """Return the name of a directory that gives way to the one at a temporary path."""
    return temporary.with_suffix(f".{_REPLACED}")


@contextmanager
def owned(temporary: Path) -> Iterator[None]:
    """Own a temporary path, in an existing directory, for as long as the context lasts.

    On Windows, and where the file system has no locks, what a killed process leaves is cleared after a day.
    """
    path = temporary.with_suffix(f".{_LOCK}")
    handle = None
    try:
        with suppress(OSError):
            handle = _locked(path, os.O_CREAT | os.O_EXCL)
        yield
    finally:
        with suppress(OSError):
            if handle is not None:
                os.close(handle)
            path.unlink(missing_ok=True)


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """Yield a new directory below ``TMPDIR``, which is removed at the end, as are those of killed processes.

    Raises:
        OSError: when it cannot be made.
    """
    base = Path(tempfile.gettempdir(), "elmokit")
    clear_leftovers(base.parent, base.name)
    temporary = temporary_path(base)
    with owned(temporary):
        try:
            temporary.mkdir(mode=0o700)
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def clear_leftovers(directory: Path, name: str | None = None) -> None:
    """Remove what killed processes of this user have left behind, as far as possible.

    What a living process writes is left alone, and so is every file of other programs. A directory that was
    moved away but not replaced is moved back.

    Args:
        directory: where it was being written.
        name: of what was being written; None for everything in the directory.
    """
    groups: dict[Path, set[str]] = {}
    with suppress(OSError):  # no such directory, or no access
        for entry in os.scandir(directory):
            match = _NAME.fullmatch(entry.name)
            if match is not None and name in (None, match[1]):
                groups.setdefault(directory / entry.name.removesuffix(f".{match[3]}"), set()).add(match[3])
    for stem, kinds in sorted(groups.items()):
        with suppress(OSError):  # another process may be clearing as well
            _clear(stem, kinds)


def _clear(stem: Path, kinds: set[str]) -> None:
    """Clear what has one token."""
    lock, partial, replaced = (stem.with_name(f"{stem.name}.{kind}") for kind in (_LOCK, _PARTIAL, _REPLACED))
    handle = None
    if _LOCK in kinds:
        if not (_is_mine(lock) and stat.S_ISREG(lock.lstat().st_mode)):
            return
        handle = _locked(lock)
    try:
        original = stem.with_name(stem.stem[1:])
        if _REPLACED in kinds and not original.exists():
            replaced.rename(original)
        for leftover in (partial, replaced):
            if os.path.lexists(leftover) and _is_mine(leftover) and (handle is not None or _is_old(leftover)):
                remove(leftover)
        if handle is not None:
            lock.unlink()
    finally:
        if handle is not None:
            os.close(handle)


def _locked(path: Path, flags: int = 0) -> int | None:
    """Open and lock a file, and return its handle; None where there are no locks.

    Raises:
        OSError: when another process holds it, or it cannot be opened.
    """
    if sys.platform == "win32":
        return None
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _is_mine(path: Path) -> bool:
    """Whether this user has made a file: in a shared directory, others may put anything."""
    return not hasattr(os, "geteuid") or path.lstat().st_uid == os.geteuid()


def _is_old(path: Path) -> bool:
    """Whether nothing was written for long, by the clock of the file system, which may be another's."""
    with tempfile.TemporaryFile(dir=path.parent) as file:
        now = os.fstat(file.fileno()).st_mtime
    changes = (entry.lstat().st_mtime for entry in (path, *path.rglob("*")))
    return max(changes) < now - _OLD_SECONDS


def remove(path: Path) -> None:
    """Remove a file or a directory with all that is in it.

    Raises:
        OSError: when it cannot be removed, or there is none.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
