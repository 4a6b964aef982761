"""Padding values of sentences."""

from __future__ import annotations

from torch import Tensor


def pad_rows(values: Tensor, mask: Tensor) -> Tensor:
    """Arrange the values (M, D) of sentences, one after the other, as (B, T, D).

    Args:
        values: (M, D).
        mask: (B, T), True at the M positions that have a value; the others are zero.
    """
    padded = values.new_zeros(*mask.shape, values.shape[1])
    padded[mask] = values
    return padded
