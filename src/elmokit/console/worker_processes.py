"""The option that spreads work over processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def num_processes_option(
    reason: str, *, default: int | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--num-processes``; the command gets None for all processors.

    Args:
        reason: more about it, for the help text.
        default: the default; None for all processors.
    """
    shown = "the number of processors" if default is None else default
    return click.option(
        "--num-processes",
        type=click.IntRange(min=1),
        default=default,
        help=f"Number of processes to work in, {reason}; the result is the same.  [default: {shown}]",
    )
