"""Output to the terminal: results, remarks, warnings, progress bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from tqdm import tqdm

from elmokit.console import modes
from elmokit.console.progress_bars import Bar
from elmokit.console.wrapping import wrapped

# The control characters of ASCII but tab and newline, those of Latin-1, and those that reorder what follows.
_ESCAPES = {
    code: f"\\x{code:02x}" if code < 32 else f"\\u{code:04x}"
    for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}

PROGRESS_DELAY_SECONDS = 1.0
"""Progress bars appear after this time, so that fast work shows none."""


@contextmanager
def progress_bar(description: str, total: float | None, unit: str, **options: Any) -> Iterator[tqdm[Any]]:
    """Show a progress bar with the remaining time on stderr, unless the work ends within a second.

    Args:
        description: the text before the bar.
        total: the amount of work; None if it is not known yet.
        unit: the unit of the work.
        options: further options of :class:`tqdm.tqdm`.
    """
    with Bar(
        desc=description,
        total=total,
        unit=unit,
        delay=PROGRESS_DELAY_SECONDS,
        disable=modes.is_quiet(),
        **options,
    ) as bar:
        yield bar


def warn(message: str) -> None:
    """Print a warning on stderr: one line, wrapped between words on a terminal."""
    tqdm.write(wrapped(printable(f"warning: {message}"), sys.stderr), file=sys.stderr)


def say(message: str = "", *, indent: int | None = None) -> None:
    """Print a line of the result on stdout, above the progress bar if there is one.

    Args:
        message: the line.
        indent: wrap the line on a terminal, with this indent after the first; None for lines that programs
            read, too.
    """
    if indent is not None:
        message = wrapped(message, sys.stdout, indent)
    with tqdm.external_write_mode(file=sys.stdout):
        click.echo(printable(message))


def note(message: str) -> None:
    """Print a remark, unless -q or --json is given: on stdout, or on stderr if a file goes to stdout.

    On a terminal, it is wrapped between words.
    """
    if not (modes.is_quiet() or modes.wants_json()):
        file = sys.stderr if modes.stdout_is_taken() else sys.stdout
        with tqdm.external_write_mode(file=file):
            click.echo(wrapped(printable(message), file), file=file)


def report(message: str, **figures: Any) -> None:
    """Print what has been done: figures as JSON with --json, else the remark ``message``."""
    if modes.wants_json():
        say(json.dumps(figures, ensure_ascii=False, default=str))
    else:
        note(message)


def printable(text: str) -> str:
    """Return text with its control characters as escapes, so that a text cannot control the terminal."""
    return text.translate(_ESCAPES)


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
