"""Output to the terminal: progress bars, results, warnings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click
from tqdm import tqdm

PROGRESS_DELAY_SECONDS = 1.0
"""Progress bars appear after this time, so that fast work shows none."""
FRACTION_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
"""Format of a progress bar whose total is 1."""
_LOG_INTERVAL_SECONDS = 15.0  # between two lines of progress if stderr is not a terminal


class _LogStream:
    """A stream that writes a progress bar as lines, for a log file where nothing can be overwritten."""

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
    """Show a progress bar with the remaining time on stderr, unless the work ends within a second.

    Args:
        description: the text before the bar.
        total: the amount of work; None if it is not known yet.
        unit: the unit of the work.
        options: further options of :class:`tqdm.tqdm`.
    """
    interactive = sys.stderr.isatty()
    with tqdm(
        desc=description,
        total=total,
        unit=unit,
        unit_scale=True,
        dynamic_ncols=interactive,
        ncols=None if interactive else 100,
        mininterval=0.2 if interactive else _LOG_INTERVAL_SECONDS,
        delay=PROGRESS_DELAY_SECONDS,
        leave=False,
        file=sys.stderr if interactive else _LogStream(sys.stderr),
        **options,
    ) as bar:
        yield bar


def warn(message: str) -> None:
    """Print a one-line warning on stderr."""
    tqdm.write(f"warning: {message}", file=sys.stderr)


def say(message: str = "") -> None:
    """Print a line on stdout, above the progress bar if there is one."""
    with tqdm.external_write_mode(file=sys.stdout):
        click.echo(message)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, for example ``1 sentence`` or ``2,000 sentences``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a readable duration, for example ``45 s``, ``5 min 10 s`` or ``2 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
