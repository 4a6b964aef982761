"""Weighted averages of a model's layers, and maps of them that move smoothly as the weights change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.visualize.alignment import aligned
from elmokit.visualize.projection import Method, project


def layer_weights(parameters: Sequence[float]) -> np.ndarray:
    """Return the layer weights of ELMo's scalar mix, ``softmax(s)``, for parameters s (L,).

    This is equation 1 of Peters et al. 2018 without the factor gamma, which does not change directions.
    """
    exponentials = np.exp(np.asarray(parameters, dtype=np.float64) - max(parameters))
    weights: np.ndarray = exponentials / exponentials.sum()
    return weights


def mixed(layers: np.ndarray, weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the weighted sum (N, D) of layers (L, N, D)."""
    total: np.ndarray = np.tensordot(np.asarray(weights, layers.dtype), layers, axes=1)
    return total


def map_of_mix(layers: np.ndarray, weights: Sequence[float], method: Method) -> np.ndarray:
    """Return a map (N, 2) of the mix of layers (L, N, D).

    The map is rotated, mirrored and scaled to match a fixed reference, the map of the plain average, as
    closely as possible, so that points move no more than necessary when the weights change.

    Raises:
        ElmokitError: if a vector is not finite.
        MissingExtraError: if the package that implements the method is not installed.
    """
    average = [1 / len(layers)] * len(layers)
    return aligned(project(mixed(layers, weights), method), project(mixed(layers, average), "pca"))
