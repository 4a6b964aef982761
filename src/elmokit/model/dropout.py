"""Dropout whose randomness can be saved and restored."""

from __future__ import annotations

import torch
from torch import Tensor


class Dropout:
    """Drops activations at random, from a generator whose state can be saved."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        self._keep = 1.0 - rate
        self._generator = generator

    def __call__(self, activation: Tensor, place: str) -> Tensor:
        """Zero each number with the given rate, scale the others up."""
        mask = torch.empty_like(activation).bernoulli_(self._keep, generator=self._generator)
        return activation * mask.div_(self._keep)
