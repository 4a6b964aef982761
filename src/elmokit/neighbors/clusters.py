"""Clusters of many vectors, so that a search reads only the ones that are likely to be near.

If all vectors fit in memory, one pass over a million vectors of width 256 takes 0.05 s and is exact.
Clusters are for larger texts: the clusters whose centers are nearest to a query are searched exactly, and the
others are skipped. This is the inverted file of faiss (IVFFlat), stored as plain arrays that can be mapped
from disk; faiss finds the centers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from elmokit.errors import MissingExtraError

_SAMPLE_PER_CLUSTER = 40  # training vectors per center: faiss warns below 39
_NUM_ITERATIONS = 10
_NUM_SEARCHED = 32  # clusters; usually finds 10 of the 10 nearest, see benchmarks/neighbors_speed.py
_BLOCK = 1 << 14  # vectors assigned to clusters at a time


class Clusters(NamedTuple):
    """N vectors in K clusters."""

    centers: np.ndarray
    """(K, D) float32 unit vectors."""
    rows: np.ndarray
    """(N,) uint32 row numbers of the vectors, cluster by cluster."""
    ends: np.ndarray
    """(K,) int64 end of each cluster in ``rows``."""

    def rows_near(self, query: np.ndarray, num_clusters: int = _NUM_SEARCHED) -> np.ndarray:
        """Return the rows of the clusters nearest to a query.

        Args:
            query: (D,) unit vector.
            num_clusters: number of clusters to search.

        Returns:
            Row numbers in ascending order.
        """
        similarities = self.centers @ query
        nearest = np.argsort(-similarities, kind="stable")[:num_clusters]
        starts = np.concatenate([[0], self.ends[:-1]])
        # Sorted, so that the file is read from start to end.
        return np.sort(np.concatenate([self.rows[starts[k] : self.ends[k]] for k in nearest]))


def import_faiss() -> Any:
    """Import faiss, which finds the cluster centers.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("a neighbor index of this size", "neighbors") from error
    return faiss


def find_clusters(units: np.ndarray, on_vectors: Callable[[int], None] | None = None) -> Clusters:
    """Cluster unit vectors by spherical k-means.

    Args:
        units: (N, D) half-precision vectors, at least one, possibly mapped from a file.
        on_vectors: called with the number of vectors that were just assigned to their clusters.

    Raises:
        MissingExtraError: if faiss is not installed.
    """
    faiss = import_faiss()
    num_rows, dim = units.shape
    num_clusters = math.isqrt(num_rows)
    sample_size = min(num_rows, _SAMPLE_PER_CLUSTER * num_clusters)
    sample = np.sort(np.random.default_rng(0).choice(num_rows, sample_size, replace=False))
    means = faiss.Kmeans(dim, num_clusters, niter=_NUM_ITERATIONS, spherical=True, seed=0)
    means.cp.min_points_per_centroid = 1  # no warning for a short text
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
