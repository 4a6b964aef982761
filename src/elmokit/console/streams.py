"""Standard output and standard error, whatever they are connected to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


def prepare_streams() -> None:
    """Make both streams writable: a closed one goes nowhere, what cannot be encoded is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed when the process started
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            if sys.platform == "win32" and not stream.isatty():
                # Files and pipes get UTF-8, as everywhere else, and not the code page of the machine.
                stream.reconfigure(encoding="utf-8")
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def unstoppable_output() -> Iterator[None]:
    """Go on when output fails, because the terminal is gone, the disk is full or the reader has ended.

    From the first failure on, the stream goes nowhere.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Tolerant(stream)) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


class _Tolerant:
    """A text stream whose errors are not raised."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            self._silence()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._silence()

    def _silence(self) -> None:
        """Connect the stream to nowhere, so that what it still holds does not fail at the end either."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            self._stream.flush()
