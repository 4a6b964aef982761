"""Options that have the same meaning in several commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

num_results_option = click.option(
    "-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="Number of results."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line instead of text."
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Random seed; the same seed gives the same output.",
)
words_option = click.option(
    "--word",
    "words",
    metavar="WORD",
    multiple=True,
    help="Show only occurrences of this word. May be repeated.",
)


def figure_option(suffixes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--output`` of a command that writes a figure.

    Args:
        suffixes: the supported suffixes, as text.
    """
    return click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        help=f"Figure to write: {suffixes}.",
    )
