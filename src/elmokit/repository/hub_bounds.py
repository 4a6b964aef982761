"""The bounds of a download by the Hub's client, which has none of its own: time, room and content."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from elmokit.data.waiting import Call, SlowError
from elmokit.errors import FetchError, OutputError
from elmokit.repository.content import content_problem

_MAX_HOURS = 24
_SLOWEST_BYTES_PER_SECOND = 1000
_SLOW_SECONDS = 300.0  # over which the growth of the cache is measured

_Result = TypeVar("_Result")


def check_room(where: str, cache: Path, num_bytes: int) -> None:
    """Compare the announced size of files with the free room.

    Raises:
        OutputError: when there is too little.
    """
    directory = next(path for path in (cache, *cache.absolute().parents) if path.exists())
    free = shutil.disk_usage(directory).free
    if num_bytes > free:
        raise OutputError(f"{cache}: {where} has {num_bytes:,} bytes, but only {free:,} are free")


def call_while_growing(where: str, caches: list[Path], download: Callable[[], _Result]) -> _Result:
    """Return what a download returns, which writes below some directories.

    Raises:
        FetchError: when they grow too slowly, or it takes too long.
        Exception: what the download raises.
    """
    started = time.monotonic()
    before = _num_bytes(caches)
    call = Call(download)
    while True:
        try:
            return call.result(_SLOW_SECONDS)
        except SlowError:
            now = _num_bytes(caches)
            if now - before < _SLOWEST_BYTES_PER_SECOND * _SLOW_SECONDS:
                raise FetchError(
                    f"{where}: less than {_SLOWEST_BYTES_PER_SECOND:,} bytes/s for {_SLOW_SECONDS:g} s: try "
                    "again later, or download it yourself and give the local path"
                ) from None
            before = now
        if time.monotonic() - started > 3600 * _MAX_HOURS:
            raise FetchError(
                f"{where}: not complete after {_MAX_HOURS} hours: try again to resume from there"
            )


def check_content(where: str, directory: Path) -> None:
    """Check that files are what their names say; what is not is deleted, so that it is downloaded again.

    Raises:
        FetchError: naming the first one that is not.
    """
    for path in sorted(directory.rglob("*")):
        if not path.is_file():
            continue
        problem = content_problem(path)
        if problem is not None:
            path.resolve().unlink(missing_ok=True)  # the client links to the file
            path.unlink(missing_ok=True)
            raise FetchError(
                f"{where}: {path.name} is {problem}: nothing of it has been kept: check the network, or the "
                "repository on its page, and try again"
            )


def _num_bytes(directories: list[Path]) -> int:
    """Return the size of all files below some directories, as far as they can be seen."""
    total = 0
    for directory in directories:
        for path in directory.rglob("*"):
            try:
                total += path.lstat().st_size
            except OSError:  # just renamed
                continue
    return total
