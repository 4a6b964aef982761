"""The exponentials of a softmax: ``softmax.c``."""

from __future__ import annotations

from torch import Tensor

from elmokit.kernels.library import library


def exponentials_(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Replace logits (n, V), contiguous, by ``exp(logit - maximum of the row)``.

    Returns:
        The maximum of each row (n, 1), 0 for a row of minus infinity, and the sum of its exponentials (n, 1).
    """
    maxima, sums = logits.new_empty(len(logits), 1), logits.new_empty(len(logits), 1)
    library().elmokit_exponentials(
        len(logits), logits.shape[1], logits.data_ptr(), maxima.data_ptr(), sums.data_ptr()
    )
    return maxima, sums
