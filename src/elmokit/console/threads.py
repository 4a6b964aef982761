"""How many CPU threads a command computes with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def use_threads(number: int | None) -> None:
    """Compute with this many CPU threads from here on; None for as many as PyTorch chooses."""
    if number is None:
        return
    import torch  # here, since `elmokit COMMAND --help` must not load it

    torch.set_num_threads(number)


def threads_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--threads``, as ``threads``: a number, or None for the default."""
    return click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Number of CPU threads to compute with.  [default: as PyTorch chooses]",
    )(function)
