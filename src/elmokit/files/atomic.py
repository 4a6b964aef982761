"""Files and directories that appear whole or not at all.

Everything is written beside its final place, flushed to the disk and then renamed, so that a crash,
a full disk or Ctrl-C leaves either the old state or the new one. A process that is killed leaves beside
it what it was writing, for :func:`clear_leftovers`.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from elmokit.errors import ElmokitError, OutputError

_PARTIAL = ".partial"  # not whole yet
_REPLACED = ".replaced"  # whole, out of the way of the directory that takes its place


def output_error(path: Path, error: OSError) -> OutputError:
    """An :class:`OutputError` that names ``path`` and says why it cannot be written."""
    return OutputError(f"{path}: cannot write: {error.strerror or error}")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in ``path``'s directory; on success it replaces ``path``.

    Missing parent directories are made.

    Raises:
        OutputError: when the file system refuses; nothing is left behind.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "is a directory, expected a file name")
        temporary = _beside(path)
        temporary.touch(exist_ok=False)
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    except ElmokitError:  # some are an OSError as well
        raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory beside ``path``; on success it becomes ``path``.

    An existing directory at ``path`` is replaced.

    Raises:
        OutputError: when the file system refuses; nothing is left behind.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path)
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                file.chmod(0o666 & ~_umask())  # some libraries write for the owner alone
                _flush(file)
        _flush(temporary)
        _put(temporary, path)
        _flush(path.parent)
    except ElmokitError:  # some are an OSError as well
        raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def clear_leftovers(pattern: Path, *, unchanged_since: float | None = None) -> None:
    """Remove what killed processes have left of files and directories, as far as that can be done.

    A directory that was out of the way to be replaced, and has not been, gets its place back. Nobody may
    be writing there, unless a time tells apart what is still written.

    Args:
        pattern: what was being written; its name may be a glob, such as ``checkpoints/*``.
        unchanged_since: remove only what was last written to before this time of the file system, in
            seconds since 1970; None to remove all. Of clocks that were put back too much is kept.
    """
    for leftover in pattern.parent.glob(f".{pattern.name}.*"):
        with suppress(OSError):  # another process may be clearing as well
            if leftover.suffix == _REPLACED and not (place := _place_of(leftover)).exists():
                leftover.rename(place)
            elif leftover.suffix in (_PARTIAL, _REPLACED) and (
                unchanged_since is None or _last_change(leftover) < unchanged_since
            ):
                _remove(leftover)


def _beside(path: Path) -> Path:
    """A name for what is to become ``path``; known before it is made, so that Ctrl-C cannot come between."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}{_PARTIAL}")


def _place_of(replaced: Path) -> Path:
    """Where a directory was before it was put out of the way."""
    return replaced.with_name(replaced.stem[1:].rpartition(".")[0])


def _last_change(path: Path) -> float:
    return max(one.stat().st_mtime for one in (path, *path.rglob("*")))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _put(temporary: Path, path: Path) -> None:
    """Move a directory to its place; at every moment the old one or the new one is there, whole.

    In between the old one has another name, which :func:`clear_leftovers` knows.
    """
    replaced = temporary.with_suffix(_REPLACED)
    try:
        if path.is_dir() and not path.is_symlink():
            path.rename(replaced)
        temporary.rename(path)
    finally:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
    shutil.rmtree(replaced, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
