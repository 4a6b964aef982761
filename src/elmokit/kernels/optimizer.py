"""Updates of whole tensors or of rows, each in one pass: ``optimizer.c``."""

from __future__ import annotations

import math

from torch import Tensor

from elmokit.kernels.library import library


def adagrad(
    values: Tensor, squares: Tensor, gradient: Tensor, ids: Tensor | None, *, learning_rate: float
) -> None:
    """Update ``values`` and ``squares``, all contiguous, or their rows ``ids``, by Adagrad.

    Args:
        values: (V, …).
        squares: (V, …) sums of squared gradients.
        gradient: (V, …), or one row for each of ``ids``.
        ids: (N,) int64 distinct rows; None for all of them.
        learning_rate: of this update.
    """
    library().elmokit_adagrad(
        *_sizes(gradient, ids),
        *(tensor.data_ptr() for tensor in (values, gradient, squares)),
        learning_rate,
    )


def adam(
    values: Tensor,
    first: Tensor,
    second: Tensor,
    gradient: Tensor,
    ids: Tensor | None,
    *,
    learning_rate: float,
    betas: tuple[float, float],
    shares: tuple[float, float],
    epsilon: float,
) -> None:
    """Update ``values`` and both moments, all contiguous, or their rows ``ids``, by Adam.

    Args:
        values: (V, …).
        first: (V, …) means of gradients.
        second: (V, …) means of squared gradients.
        gradient: (V, …), or one row for each of ``ids``.
        ids: (N,) int64 distinct rows; None for all of them.
        learning_rate: of this update.
        betas: how much of each mean remains.
        shares: the part of each mean that is not due to its start at zero.
        epsilon: added to the root of the mean of squares.
    """
    library().elmokit_adam(
        *_sizes(gradient, ids),
        *(tensor.data_ptr() for tensor in (values, gradient, first, second)),
        learning_rate / shares[0],
        *betas,
        1 / math.sqrt(shares[1]),
        epsilon,
    )


def _sizes(gradient: Tensor, ids: Tensor | None) -> tuple[int, int, int | None]:
    """Return the number of rows, their width, and where their ids are."""
    if ids is None:
        return 1, gradient.numel(), None
    return len(ids), gradient[0].numel() if len(ids) else 0, ids.data_ptr()
