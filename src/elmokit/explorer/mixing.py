"""The weighted mix of a model's layers, and maps of it that stay in place as the weights change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.visualize.projection import Method, project


def layer_weights(numbers: Sequence[float]) -> np.ndarray:
    """The weights that layers get from the numbers s of ELMo's mix, ``softmax(s)`` (L,).

    Equation 1 of Peters et al. 2018; its factor gamma changes no direction, so there is none here.
    """
    exponentials = np.exp(np.asarray(numbers, dtype=np.float64) - max(numbers))
    weights: np.ndarray = exponentials / exponentials.sum()
    return weights


def mixed(layers: np.ndarray, weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """The weighted sum (N, D) of layers (L, N, D)."""
    total: np.ndarray = np.tensordot(np.asarray(weights, layers.dtype), layers, axes=1)
    return total


def map_of_mix(layers: np.ndarray, weights: Sequence[float], method: Method) -> np.ndarray:
    """A map (N, 2) of the mix of layers (L, N, D).

    It is turned, mirrored and scaled so that its points lie as near as they can to those of one fixed map,
    that of the plain average: as weights change, points move no more than they must.

    Raises:
        ElmokitError: when a vector is not finite.
        MissingExtraError: when the package behind the method is not installed.
    """
    average = [1 / len(layers)] * len(layers)
    return aligned(project(mixed(layers, weights), method), project(mixed(layers, average), "pca"))


def aligned(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Points (N, 2) laid over a reference (N, 2) by the orthogonal Procrustes problem (Schönemann 1966).

    The result is centered, and its points are 1 from the center in the quadratic mean.
    """
    centered, target = points - points.mean(axis=0), reference - reference.mean(axis=0)
    left, _, right = np.linalg.svd(centered.T @ target)
    turned = centered @ (left @ right)
    size = np.sqrt((turned**2).sum(axis=1).mean())
    scaled: np.ndarray = turned / (size if size > 1e-9 else 1.0)
    return scaled
