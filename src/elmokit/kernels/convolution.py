"""The pooled character convolution, forward and backward: ``convolution.c``."""

from __future__ import annotations

import torch
from torch import Tensor

from elmokit.kernels.library import library


def pooled_convolution(
    table: Tensor, char_ids: Tensor, num_windows: Tensor, width: int
) -> tuple[Tensor, Tensor]:
    """Return the maximum over a type's windows of the sum of its table rows, and the first such window.

    Args:
        table: ((A + 1)·width, n), contiguous, with row index ``symbol·width + offset``.
        char_ids: (U, C) int64 symbols.
        num_windows: (U,) int64 number of windows of each type.
        width: of a window.

    Returns:
        (U, n) maxima, and (U, n) int32 positions.
    """
    char_ids, num_windows = char_ids.contiguous(), num_windows.contiguous()
    num_filters = table.shape[1]
    best = table.new_empty(len(char_ids), num_filters)
    position = torch.empty(len(char_ids), num_filters, dtype=torch.int32, device="cpu")
    library().elmokit_pooled_convolution(
        *char_ids.shape,
        width,
        num_filters,
        table.data_ptr(),
        char_ids.data_ptr(),
        num_windows.data_ptr(),
        best.data_ptr(),
        position.data_ptr(),
    )
    return best, position


def pooled_convolution_gradient(
    char_ids: Tensor, position: Tensor, gradient: Tensor, num_rows: int, width: int
) -> Tensor:
    """Return the gradient (num_rows, n) of the table from that of the maxima (U, n)."""
    char_ids, gradient = char_ids.contiguous(), gradient.contiguous()
    grad_table = gradient.new_zeros(num_rows, gradient.shape[1])
    library().elmokit_pooled_convolution_gradient(
        *char_ids.shape,
        width,
        gradient.shape[1],
        char_ids.data_ptr(),
        position.data_ptr(),
        gradient.data_ptr(),
        grad_table.data_ptr(),
    )
    return grad_table
