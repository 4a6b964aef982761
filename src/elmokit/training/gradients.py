"""Gradient clipping as the original does it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from elmokit.kernels.cuda.availability import can_launch
from elmokit.training.pieces import map_pieces


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale all gradients so that their global norm is at most ``max_norm``.

    Repeated rows of a sparse gradient are summed first, so its norm is that of the dense gradient. Nothing
    waits for a CUDA device.

    Returns:
        The norm () before clipping.
    """
    values: list[Tensor] = []
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is None:
            continue
        if gradient.is_sparse:
            gradient = parameter.grad = _summed(gradient)
            gradient = gradient._values()
        values.append(gradient)
    groups = [(value,) for value in values]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(map_pieces(torch.linalg.vector_norm, groups)))
    if norm.is_cuda:
        scale = (max_norm / norm).clamp(max=1.0)
        map_pieces(lambda value: value.mul_(scale), groups)
    elif norm > max_norm:
        map_pieces(lambda value: value.mul_(max_norm / float(norm)), groups)
    return norm


def _summed(gradient: Tensor) -> Tensor:
    """Return a sparse gradient whose rows are sorted, with the sum of each at its first place.

    On a CUDA device the other places remain, with zeros: their number is not known there without waiting.
    """
    if gradient.is_coalesced() or not can_launch(gradient._values()):
        coalesced: Tensor = gradient.coalesce()
        return coalesced
    from elmokit.kernels.cuda.rows import sum_sorted_rows

    ids, order = torch.sort(gradient._indices()[0], stable=True)
    sums = sum_sorted_rows(ids, order, gradient._values().contiguous())
    # The ids are in range; PyTorch warns where checks are off without anyone having said so.
    with torch.sparse.check_sparse_tensor_invariants(enable=False):
        return torch.sparse_coo_tensor(ids[None], sums, gradient.shape)
