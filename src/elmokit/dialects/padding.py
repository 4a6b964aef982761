"""Vectors of sentences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def pad(
    vectors: Sequence[np.ndarray], shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32
) -> np.ndarray:
    """Stack the vectors of sentences, padded with zeros.

    Args:
        vectors: the vectors (…, n_tokens, D) of each of B sentences.
        shape: (…, T, D), where T is at least the length of the longest sentence.
        dtype: type of the result.

    Returns:
        (B, …, T, D), zero after the end of each sentence.
    """
    batch = np.zeros((len(vectors), *shape), dtype=dtype)
    for row, own in zip(batch, vectors, strict=True):
        row[..., : own.shape[-2], :] = own
    return batch
