"""Which words of a text moved between two models, whose spaces have nothing in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elmokit.neighbors.cosine import unit_vectors

_NEAREST = 5  # neighbors that are compared
_MIN_WORDS = 4  # fewer have no neighborhood
_NO_SPREAD = 1e-9  # a smaller spread of similarities is rounding error


@dataclass(frozen=True)
class Move:
    """How the surroundings of a word changed."""

    index: int
    distance: float
    """1 − Pearson's correlation of its cosine similarities to all other words in both models, from 0 to 2."""
    nearer: list[int]
    """Words that are among its nearest only in the second model."""
    farther: list[int]
    """Words that are among its nearest only in the first model."""


def moved_words(first: np.ndarray, second: np.ndarray) -> list[Move]:
    """Compare the surroundings of the same N words in two models, the word that moved most first.

    Args:
        first: vectors (N, D) of the first model.
        second: vectors (N, E) of the second model.

    Returns:
        N moves; none for fewer than four words.
    """
    size = len(first)
    if size < _MIN_WORDS:
        return []
    others = ~np.eye(size, dtype=bool)
    profiles, nearest = [], []
    for vectors in (first, second):
        units = unit_vectors(vectors).astype(np.float64)
        similarity = np.round(units @ units.T, 6)
        profiles.append(similarity[others].reshape(size, size - 1))
        np.fill_diagonal(similarity, -np.inf)
        nearest.append(np.argsort(-similarity, axis=1, kind="stable")[:, : min(_NEAREST, size - 1)].tolist())
    centered = [profile - profile.mean(axis=1, keepdims=True) for profile in profiles]
    lengths = np.array([np.linalg.norm(profile, axis=1) for profile in centered])
    lengths[lengths < _NO_SPREAD] = 0
    product = lengths.prod(axis=0)
    correlations = (centered[0] * centered[1]).sum(axis=1) / np.where(product > 0, product, 1)
    # A word that is equally near to all others has no profile to correlate; with two of these nothing moved.
    correlations = np.where(product > 0, correlations, lengths.sum(axis=0) == 0)
    distances = np.round(1 - correlations, 6)
    return [
        Move(
            index,
            float(distances[index]),
            [other for other in nearest[1][index] if other not in nearest[0][index]],
            [other for other in nearest[0][index] if other not in nearest[1][index]],
        )
        for index in np.argsort(-distances, kind="stable").tolist()
    ]
