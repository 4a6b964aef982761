"""Random numbers of one model, apart from those of the program around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw PyTorch's random numbers from ``seed`` in the ``with`` block, and restore its generators."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
