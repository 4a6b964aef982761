"""Find the text files that paths, globs, directories and URLs name."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elmokit.errors import PROTOCOL_EXTRAS, ElmokitError, MissingExtraError, MissingTextError, TextError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")

Patterns = str | Path | Sequence[str | Path]
"""What stands for text files: a path, glob, directory or URL, or several."""


def find_texts(patterns: Patterns) -> list[str]:
    """Find the text files that paths, globs, directories and URLs stand for.

    Args:
        patterns: Each is a path (taken literally where it exists), a glob (``**`` goes through all
            levels), a directory (all files below it that are not hidden) or an fsspec URL.

    Returns:
        The paths, sorted, each file once.

    Raises:
        TextError: when a pattern matches no file.
        MissingExtraError: when the package behind a URL's protocol is not installed.
    """
    found: dict[str, str] = {}
    for pattern in map(str, [patterns] if isinstance(patterns, str | Path) else patterns):
        paths = _find_remote(pattern) if is_url(pattern) else _find_local(pattern)
        if not paths:
            raise _no_match(pattern)
        for path in paths:
            # "text/a.txt" and "/home/me/text/a.txt" are one file.
            found.setdefault(path if is_url(path) else str(Path(path).absolute()), path)
    return sorted(found.values())


def is_url(path: str) -> bool:
    """Whether a path is an fsspec URL rather than a local file, whose name may look like one."""
    return _URL.match(path) is not None and not os.path.lexists(path)


def _find_local(pattern: str) -> list[str]:
    # The shell does not expand a quoted ~.
    path = Path(pattern).expanduser() if pattern.startswith("~/") else Path(pattern)
    if path.is_dir():
        return _files_below(path)
    # A literal path first: its name may hold glob characters. It need not be a regular file (a pipe).
    if path.exists():
        return [str(path)]
    # Path.glob would take no absolute pattern and find hidden files.
    found = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207
    return [str(path) for path in found if path.is_file()]


def _files_below(directory: Path) -> list[str]:
    found = []
    for parent, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        paths = [Path(parent, name) for name in names if not name.startswith(".")]
        found += [str(path) for path in paths if path.is_file()]
    return found


def _find_remote(url: str) -> list[str]:
    remote, path = file_system(url)
    with as_text_error(f"{url}: cannot list"):
        if remote.isfile(path):
            # A chained URL (simplecache::s3://...) is not what its last file system would call it.
            return [url if "::" in url else remote.unstrip_protocol(path)]
        if remote.isdir(path):
            found = [name for name in remote.find(path) if "/." not in name.removeprefix(path)]
        else:
            entries = remote.glob(path, detail=True)
            found = [name for name, entry in entries.items() if entry["type"] == "file"]
        return [remote.unstrip_protocol(name) for name in found]


def _no_match(pattern: str) -> MissingTextError:
    where = "" if is_url(pattern) or Path(pattern).is_absolute() else f" (in {Path.cwd()})"
    if Path(pattern).is_dir():
        return MissingTextError(f"{pattern}{where}: the directory holds no file, expected text files")
    return MissingTextError(
        f"{pattern}{where}: no such file, and no file matches it as a glob: check the path"
    )


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path of the URL in it."""
    import fsspec  # slow to import, and most texts are local

    protocol = url.split("://", 1)[0].rsplit("::", 1)[-1].lower()
    with as_text_error(f"{url}: cannot open"):
        try:
            remote, path = fsspec.core.url_to_fs(url)
        except ImportError as error:
            if protocol not in PROTOCOL_EXTRAS:
                raise
            raise MissingExtraError(f"reading {url}", PROTOCOL_EXTRAS[protocol]) from error
    return remote, path


@contextmanager
def as_text_error(what: str, advice: str = "") -> Iterator[None]:
    """Turn any error into a TextError: every file system and decompressor raises kinds of its own."""
    try:
        yield
    except (ElmokitError, MemoryError):
        raise
    except Exception as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        reason = " ".join(reason.split()) or type(error).__name__
        kind = MissingTextError if isinstance(error, FileNotFoundError) else TextError
        raise kind(f"{what}: {reason}{advice}") from error
