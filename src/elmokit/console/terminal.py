"""What all commands share: progress bars, results, warnings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click
from tqdm import tqdm

_QUIET_SECONDS = 1.0  # work that ends sooner shows no bar
SHARE_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
"""Of a progress bar over a share from 0 to 1."""
_LOG_INTERVAL_SECONDS = 15.0  # between two lines of progress where there is no terminal


class _LogStream:
    """Writes a progress bar as lines, for a log file in which nothing can be overwritten."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        line = text.strip()
        if line:
            self._stream.write(line + "\n")

    def flush(self) -> None:
        self._stream.flush()


@contextmanager
def progress_bar(description: str, total: float | None, unit: str, **options: Any) -> Iterator[tqdm[Any]]:
    """A progress bar with the time left, on stderr; quiet for work that ends within a second."""
    interactive = sys.stderr.isatty()
    with tqdm(
        desc=description,
        total=total,
        unit=unit,
        unit_scale=True,
        dynamic_ncols=interactive,
        ncols=None if interactive else 100,
        mininterval=0.2 if interactive else _LOG_INTERVAL_SECONDS,
        delay=_QUIET_SECONDS,
        leave=False,
        file=sys.stderr if interactive else _LogStream(sys.stderr),
        **options,
    ) as bar:
        yield bar


def warn(message: str) -> None:
    """Print one line of warning on stderr."""
    tqdm.write(f"warning: {message}", file=sys.stderr)


def say(message: str = "") -> None:
    """Print a line on stdout, above a progress bar if there is one."""
    with tqdm.external_write_mode(file=sys.stdout):
        click.echo(message)


def counted(number: int, noun: str) -> str:
    """Such as ``1 sentence`` or ``2,000 sentences``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Such as ``45 s``, ``5 min 10 s`` or ``2 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
