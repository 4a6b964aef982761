"""Dropout whose random state can be saved and restored."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Dropout:
    """Draws dropout masks from a generator whose state can be saved.

    Args:
        rate: probability of dropping an activation.
        generator: on the device of the activations.
    """

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        self._keep = 1.0 - rate
        self._generator = generator

    def masks(self, names: Sequence[str], num_positions: int, dim: int) -> dict[str, Tensor]:
        """Draw masks (num_positions, dim) of zeros and, to keep the mean, ``1 / (1 - rate)``, by name."""
        device = self._generator.device
        return {
            name: torch.empty(num_positions, dim, device=device)
            .bernoulli_(self._keep, generator=self._generator)
            .div_(self._keep)
            for name in names
        }
