"""Clusters of many vectors, so that a search reads only those that may be near.

Where all vectors fit in memory, one pass over them takes 0.05 s for a million of width 256, and is exact.
Clusters are for the texts beyond: the clusters whose centers are nearest to a query are searched exactly,
the others are not. This is faiss's inverted file (IVFFlat) as plain arrays that are mapped from disk; faiss
finds the centers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from elmokit.errors import MissingExtraError

_SAMPLE_PER_CLUSTER = 40  # vectors from which the centers are found: fewer than 39 make faiss warn
_NUM_ITERATIONS = 10
_NUM_SEARCHED = 32  # clusters: 10 of the 10 nearest are found as a rule, see benchmarks/neighbors_speed.py
_BLOCK = 1 << 14  # vectors that are given to their clusters at a time


class Clusters(NamedTuple):
    """N vectors in K clusters."""

    centers: np.ndarray
    """(K, D) float32, of unit length."""
    rows: np.ndarray
    """(N,) uint32 numbers of the vectors, cluster after cluster."""
    ends: np.ndarray
    """(K,) int64, where each cluster ends in ``rows``."""

    def rows_near(self, query: np.ndarray) -> np.ndarray:
        """The numbers of vectors that may be near a query (D,), in rising order."""
        similarities = self.centers @ query
        nearest = np.argsort(-similarities, kind="stable")[:_NUM_SEARCHED]
        starts = np.concatenate([[0], self.ends[:-1]])
        # In the order of the file, which is read from its begin to its end.
        return np.sort(np.concatenate([self.rows[starts[k] : self.ends[k]] for k in nearest]))


def import_faiss() -> Any:
    """The package that finds clusters.

    Raises:
        MissingExtraError: when it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("an index of so many neighbors", "neighbors") from error
    return faiss


def find_clusters(units: np.ndarray, on_vectors: Callable[[int], None] | None = None) -> Clusters:
    """Cluster unit vectors (N, D), of half precision and mapped from a file, by spherical k-means.

    Args:
        units: the vectors, at least one.
        on_vectors: told how many further vectors have been given to their clusters.

    Raises:
        MissingExtraError: when faiss is not installed.
    """
    faiss = import_faiss()
    num_rows, dim = units.shape
    num_clusters = math.isqrt(num_rows)
    sample_size = min(num_rows, _SAMPLE_PER_CLUSTER * num_clusters)
    sample = np.sort(np.random.default_rng(0).choice(num_rows, sample_size, replace=False))
    means = faiss.Kmeans(dim, num_clusters, niter=_NUM_ITERATIONS, spherical=True, seed=0)
    means.cp.min_points_per_centroid = 1  # of a text of few words: no cause to print a warning
    means.train(np.ascontiguousarray(units[sample], dtype=np.float32))
    cluster_of = np.empty(num_rows, np.uint32)
    for start in range(0, num_rows, _BLOCK):
        block = np.ascontiguousarray(units[start : start + _BLOCK], dtype=np.float32)
        cluster_of[start : start + _BLOCK] = means.index.search(block, 1)[1][:, 0]
        if on_vectors is not None:
            on_vectors(len(block))
    rows = np.argsort(cluster_of, kind="stable").astype(np.uint32)
    ends = np.cumsum(np.bincount(cluster_of, minlength=num_clusters))
    return Clusters(means.centroids.astype(np.float32), rows, ends.astype(np.int64))
