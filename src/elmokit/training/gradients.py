"""Gradient clipping as the original does it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from elmokit.training.pieces import map_pieces


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> float:
    """Scale all gradients so that their global norm is at most ``max_norm``.

    Repeated rows of a sparse gradient are summed first, so its norm is that of the dense gradient.

    Returns:
        The norm before clipping.
    """
    values: list[Tensor] = []
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is None:
            continue
        if gradient.is_sparse:
            gradient = parameter.grad = gradient.coalesce()
            gradient = gradient._values()
        values.append(gradient)
    groups = [(value,) for value in values]
    norm = float(torch.linalg.vector_norm(torch.stack(map_pieces(torch.linalg.vector_norm, groups))))
    if norm > max_norm:
        map_pieces(lambda value: value.mul_(max_norm / norm), groups)
    return norm
