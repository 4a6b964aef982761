"""Dropout whose random state can be saved and restored."""

from __future__ import annotations

import torch
from torch import Tensor


class Dropout:
    """Dropout that draws from a given generator, whose state can be saved.

    Args:
        rate: probability of dropping an activation.
        generator: on the device of the activations.
    """

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        self._keep = 1.0 - rate
        self._generator = generator

    def __call__(self, activation: Tensor, name: str) -> Tensor:
        """Set activations to zero at random and scale up the others, the same way under every ``name``."""
        mask = torch.empty_like(activation).bernoulli_(self._keep, generator=self._generator)
        return activation * mask.div_(self._keep)
