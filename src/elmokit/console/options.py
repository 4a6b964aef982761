"""Options that have the same meaning in several commands."""

from __future__ import annotations

import click

num_results_option = click.option(
    "-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="Number of results."
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, (1 << 32) - 1),  # what every method of projection takes
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
