"""What all commands share: progress bars, warnings on stderr, and lists of files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from tqdm import tqdm

_LOG_INTERVAL_SECONDS = 15.0  # between two lines of progress where there is no terminal


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
        mininterval=0.2 if interactive else _LOG_INTERVAL_SECONDS,
        delay=1.0,
        leave=False,
        **options,
    ) as bar:
        yield bar


def warn(message: str) -> None:
    """Print one line of warning on stderr."""
    tqdm.write(f"warning: {message}", file=sys.stderr)


def say(message: str = "") -> None:
    """Print a result on stdout."""
    click.echo(message)
