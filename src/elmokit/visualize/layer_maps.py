"""Maps of the same words in every layer, aligned so that a word can be followed from layer to layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from elmokit.neighbors.cosine import nearest_rows, unit_vectors
from elmokit.visualize.alignment import aligned
from elmokit.visualize.projection import Method, num_nearest, project

NUM_NEIGHBORS = 8
"""Nearest words that a map knows of each word."""


@dataclass(frozen=True)
class LayerMap:
    """N words in one layer."""

    name: str
    coordinates: np.ndarray
    """(N, 2), centered; the root mean square distance of the points from the center is 1."""
    neighbors: np.ndarray
    """(N, K) int32: the most similar other words, nearest first."""
    similarities: np.ndarray
    """(N, K) float32: their cosine similarities."""


def layer_name(number: int) -> str:
    """Return the name of a layer, for example ``LSTM layer 1``; 0 is the token layer."""
    return f"LSTM layer {number}" if number else "token layer"


def map_layers(
    layers: dict[str, np.ndarray],
    shown: str,
    method: Method,
    *,
    perplexity: float | None = None,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[np.ndarray, list[LayerMap]]:
    """Map every layer so that points move no more than necessary from layer to layer.

    The layout of each layer continues that of the layer above it, or below it, starting from the layer that
    is shown, and is then turned to match it (orthogonal Procrustes analysis, Schönemann 1966).

    Args:
        layers: vectors (N, D) by the name of their layer, in order.
        shown: name of the layer that is laid out first.
        method: see :func:`~elmokit.visualize.projection.project`, like ``perplexity`` and ``seed``.
        perplexity: perplexity of t-SNE.
        seed: random seed.
        on_progress: called with the completed fraction of the work, from 0 to 1.

    Returns:
        The projection (N, 2) of the layer that is shown, and all layers in order.
    """
    names = list(layers)
    middle = names.index(shown)
    steps: list[tuple[str, str | None]] = [(shown, None)]
    steps += [(names[k], names[k + 1]) for k in reversed(range(middle))]
    steps += [(names[k], names[k - 1]) for k in range(middle + 1, len(names))]
    layouts: dict[str, np.ndarray] = {}
    maps: dict[str, LayerMap] = {}
    for number, (name, before) in enumerate(steps):
        nearest = nearest_rows(
            unit_vectors(layers[name]),
            max(NUM_NEIGHBORS, num_nearest(len(layers[name]), method, perplexity)),
        )
        layouts[name] = project(
            layers[name],
            method,
            perplexity=perplexity,
            seed=seed,
            start=None if before is None else layouts[before],
            nearest=nearest,
            on_progress=_part(on_progress, number, len(steps)),
        )
        reference = layouts[name] if before is None else maps[before].coordinates
        rows, similarities = (found[:, :NUM_NEIGHBORS] for found in nearest)
        maps[name] = LayerMap(name, aligned(layouts[name], reference), rows, similarities)
        if on_progress is not None:
            on_progress((number + 1) / len(steps))
    return layouts[shown], [maps[name] for name in names]


def _part(report: Callable[[float], None] | None, number: int, total: int) -> Callable[[float], None] | None:
    return None if report is None else lambda fraction: report((number + fraction) / total)
