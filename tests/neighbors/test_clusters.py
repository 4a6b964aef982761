"""Clusters of vectors: every vector is in one cluster, and near vectors are found."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from elmokit.errors import MissingExtraError
from elmokit.errors.installation import install_command
from elmokit.neighbors.clusters import find_clusters
from elmokit.neighbors.cosine import UNIT_TYPE, descending, similarities, unit_vectors


@pytest.fixture(scope="module")
def units():
    """Vectors around some directions, like those of words of a few kinds."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(300, 24))
    vectors = directions[rng.integers(300, size=10_000)] + 0.5 * rng.normal(size=(10_000, 24))
    return unit_vectors(vectors).astype(UNIT_TYPE)


@pytest.fixture(scope="module")
def found(units):
    return find_clusters(units)


def test_every_vector_is_in_the_cluster_with_the_nearest_center(units, found):
    assert found.centers.shape == (100, 24)
    np.testing.assert_array_equal(np.sort(found.rows), np.arange(len(units)))
    assert found.ends[-1] == len(units)
    nearest = np.argmax(units.astype(np.float64) @ found.centers.T.astype(np.float64), axis=1)
    cluster = np.repeat(np.arange(100), np.diff(found.ends, prepend=0))
    assert (nearest[found.rows] == cluster).mean() > 0.999  # but for ties


def test_the_same_vectors_have_the_same_clusters(units, found):
    for array, again in zip(found, find_clusters(units), strict=True):
        np.testing.assert_array_equal(array, again)


def test_nearly_all_of_the_nearest_are_found(units, found):
    num_found = num_read = 0
    queries = unit_vectors(units[::100].astype(np.float32))
    for query in queries:
        exact = list(descending(similarities(units, query)))[:10]
        rows = found.rows_near(query, num_clusters=10)
        assert (np.diff(rows.astype(np.int64)) > 0).all()
        num_found += len(np.intersect1d(exact, rows))
        num_read += len(rows)
    assert num_found / (10 * len(queries)) > 0.97
    assert num_read / (len(units) * len(queries)) < 0.2


def test_all_clusters_are_all_vectors(units, found):
    rows = found.rows_near(units[0].astype(np.float32), num_clusters=1000)
    np.testing.assert_array_equal(rows, np.arange(len(units)))


@pytest.mark.parametrize("num_vectors", [1, 2, 5])
def test_few_vectors(num_vectors, capfd):
    units = np.eye(num_vectors, 4, dtype=UNIT_TYPE) + np.eye(num_vectors, 4, k=-4, dtype=UNIT_TYPE)
    counts: list[int] = []
    found = find_clusters(units, counts.append)
    np.testing.assert_array_equal(found.rows_near(np.ones(4, np.float32)), np.arange(num_vectors))
    assert counts == [num_vectors]
    assert capfd.readouterr() == ("", "")


def test_without_faiss(monkeypatch, units):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("neighbors"))):
        find_clusters(units)
