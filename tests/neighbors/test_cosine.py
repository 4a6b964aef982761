"""Similarities to many vectors, and their order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from elmokit.neighbors import cosine
from elmokit.neighbors.cosine import UNIT_TYPE, descending, nearest_rows, similarities, unit_vectors


def test_unit_vectors_have_length_one_and_a_zero_vector_stays():
    vectors = np.array([[3, 4], [0, 0], [-1e-30, 0], [3e38, 3e38]], dtype=np.float32)
    np.testing.assert_allclose(
        unit_vectors(vectors), [[0.6, 0.8], [0, 0], [-1, 0], [0.5**0.5, 0.5**0.5]], rtol=1e-6
    )


@pytest.mark.parametrize("block_numbers", [1, 21, 1 << 20])
def test_similarities_are_those_of_numpy_in_double_precision(block_numbers):
    rng = np.random.default_rng(0)
    vectors, query = rng.normal(size=(50, 7)), rng.normal(size=7)
    expected = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    units, unit = unit_vectors(vectors).astype(UNIT_TYPE), unit_vectors(query)
    found = similarities(units, unit, block_numbers=block_numbers)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    rows = np.array([49, 3, 3, 0])
    np.testing.assert_array_equal(similarities(units, unit, rows, block_numbers=block_numbers), found[rows])
    assert similarities(units, unit, rows[:0], block_numbers=block_numbers).shape == (0,)


@pytest.mark.parametrize("first_ranked", [1, 3, 1000])
def test_descending_is_a_stable_sort(first_ranked):
    values = np.random.default_rng(0).integers(0, 9, size=200).astype(np.float32)
    expected = sorted(range(200), key=lambda k: (-values[k], k))
    assert list(descending(values, first_ranked=first_ranked)) == expected
    assert list(itertools.islice(descending(values, first_ranked=first_ranked), 4)) == expected[:4]


@pytest.mark.parametrize("first_ranked", [1, 3, 1000])
def test_descending_ends_with_nan(first_ranked):
    values = np.array([np.nan, 2, np.nan, -np.inf, 3], np.float32)
    ranked = list(itertools.islice(descending(values, first_ranked=first_ranked), 10))
    assert ranked[:2] == [4, 1]
    assert sorted(ranked) == [0, 1, 2, 3, 4]


def test_descending_of_no_value_and_of_one_value():
    assert list(descending(np.zeros(0, np.float32))) == []
    assert list(descending(np.zeros(1, np.float32))) == [0]
    assert list(descending(np.zeros(5000, np.float32))) == list(range(5000))


@pytest.mark.parametrize("block_rows", [1, 7, 1024])
def test_the_nearest_rows_are_those_of_a_plain_sort(monkeypatch, block_rows):
    monkeypatch.setattr(cosine, "_BLOCK_ROWS", block_rows)
    units = unit_vectors(np.random.default_rng(0).normal(size=(30, 5)))
    rows, found = nearest_rows(units, 6)
    cosines = units.astype(float) @ units.T
    np.fill_diagonal(cosines, -2)
    np.testing.assert_array_equal(rows, np.argsort(-cosines, axis=1)[:, :6])
    np.testing.assert_allclose(found, -np.sort(-cosines, axis=1)[:, :6], atol=1e-6)


def test_a_row_is_never_its_own_neighbor():
    done: list[int] = []
    rows, found = nearest_rows(np.ones((4, 1), np.float32), 9, done.append)
    assert [sorted(row) for row in rows.tolist()] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
    assert (found == 1).all()
    assert done == [4]
    assert nearest_rows(np.ones((1, 3), np.float32), 8)[0].shape == (1, 0)
