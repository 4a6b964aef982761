"""One vector for a sentence from the vectors of its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, cast

import numpy as np

from elmokit.errors import ConfigError

Pooling: TypeAlias = Literal["mean", "max", "first", "last"]
"""The mean or the maximum over the words, or the vector of the first or last word."""


def _mean(vectors: np.ndarray) -> np.ndarray:
    return cast(np.ndarray, vectors.mean(axis=-2, dtype=np.float64).astype(vectors.dtype))


_POOLED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": _mean,
    "max": lambda vectors: cast(np.ndarray, vectors.max(axis=-2)),
    "first": lambda vectors: vectors[..., 0, :].copy(),
    "last": lambda vectors: vectors[..., -1, :].copy(),
}


def choose_pooling(pooling: Pooling | None) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that maps the vectors (…, n_tokens, D) of a sentence to its vector (…, D).

    A sentence without words gets zeros. Without ``pooling``, the function returns the vectors as they are.

    Raises:
        ConfigError: if there is no such pooling.
    """
    if pooling is None:
        return lambda vectors: vectors
    if not isinstance(pooling, str) or pooling not in _POOLED:
        raise ConfigError(f"pooling: expected {', '.join(_POOLED)} or None, got {pooling!r}")
    pooled = _POOLED[pooling]

    def pool(vectors: np.ndarray) -> np.ndarray:
        if not vectors.shape[-2]:
            return np.zeros((*vectors.shape[:-2], vectors.shape[-1]), vectors.dtype)
        return pooled(vectors)

    return pool
