"""The choice of biLM layers: which ones to compute, and how they become one array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from elmokit.arguments import whole_number
from elmokit.errors import ConfigError

Layers: TypeAlias = Literal["all", "top", "average"] | int
"""``all`` layers, the ``top`` layer, the ``average`` of all layers, or a layer's index (0: token layer)."""


class LayerChoice(NamedTuple):
    """Layers to compute, and how to combine them."""

    indexes: tuple[int, ...]
    """Indexes of the layers to compute, 0 being the token layer."""
    name: Layers
    """The choice as the user made it."""

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Combine the computed layers.

        Args:
            layers: the layers of :attr:`indexes`, each (M, D).

        Returns:
            float32 tensor, (L, M, D) for ``all`` and (M, D) otherwise. The average is bit-identical to
            NumPy's mean over the first axis of ``all``.
        """
        if self.name == "all":
            return torch.stack(list(layers)).float()
        total = layers[0].float()
        if self.name != "average":
            return total
        for layer in layers[1:]:
            total = total + layer.float()
        # The divisor is a tensor: for a Python number, CUDA would multiply by the rounded reciprocal.
        return total / total.new_full((), len(layers))


def choose_layers(layers: Layers, num_layers: int) -> LayerChoice:
    """Validate a choice of layers for a model with ``num_layers`` layers, including the token layer.

    Raises:
        ConfigError: if there is no such layer.
    """
    if isinstance(layers, str) and layers in ("all", "average"):
        return LayerChoice(tuple(range(num_layers)), layers)
    index = layer_index(layers, num_layers)
    if index is None:
        raise ConfigError(f"layers: expected all, top, average or 0 to {num_layers - 1}, got {layers!r}")
    return LayerChoice((index,), layers if isinstance(layers, str) else int(layers))


def layer_index(layer: object, num_layers: int) -> int | None:
    """Return the index from 0 of the ``top`` layer or of a number, which counts from the end if negative.

    Numbers may be NumPy's or PyTorch's; ``True`` and ``False`` are none. Anything else has no index: None.
    """
    if isinstance(layer, str):
        return num_layers - 1 if layer == "top" else None
    try:
        number = whole_number("layers", layer)
    except ConfigError:
        return None
    return number % num_layers if -num_layers <= number < num_layers else None


def layer_indexes(layers: object, num_layers: int) -> list[int]:
    """Return the indexes from 0 of several layers, each as for :func:`layer_index`.

    Raises:
        ConfigError: if it is no list, or there is no such layer.
    """
    indexes: list[int | None] = [None]
    if isinstance(layers, Iterable) and not isinstance(layers, str | bytes):
        with suppress(TypeError):  # of a tensor that is a single number
            indexes = [layer_index(layer, num_layers) for layer in layers]
    found = [index for index in indexes if index is not None]
    if len(found) < len(indexes):
        raise ConfigError(f"layers: expected a list of numbers from 0 to {num_layers - 1}, got {layers!r}")
    return found
