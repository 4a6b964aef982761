"""Words that moved between two models."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.explorer.movement import moved_words
from elmokit.neighbors.cosine import unit_vectors


def test_a_turned_space_moves_nothing():
    first = np.random.default_rng(0).normal(size=(9, 4))
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 4)))
    for move in moved_words(first, 3 * first @ turn.T):  # of another width, turned and scaled
        assert move.distance == pytest.approx(0, abs=1e-5)
        assert move.nearer == move.farther == []


def test_the_word_that_changes_its_surroundings_moves_most():
    generator = np.random.default_rng(0)
    first = np.eye(4)[[0] * 6 + [1] * 6] + 0.1 * generator.normal(size=(12, 4))
    second = first.copy()
    second[2] = second[8] + 0.01
    moves = moved_words(first, second)
    assert len(moves) == 12
    assert moves[0].index == 2
    assert set(moves[0].nearer) <= set(range(6, 12))
    assert set(moves[0].farther) <= set(range(6)) - {2}
    assert len(moves[0].nearer) == len(moves[0].farther) == 5
    similarity = [unit_vectors(vectors) @ unit_vectors(vectors).T for vectors in (first, second)]
    others = [k for k in range(12) if k != 2]
    expected = 1 - np.corrcoef(similarity[0][2, others], similarity[1][2, others])[0, 1]
    assert moves[0].distance == pytest.approx(expected, abs=1e-4)


def test_few_or_equal_words_have_no_surroundings():
    assert moved_words(np.eye(3), np.eye(3)) == []
    assert [move.distance for move in moved_words(np.ones((5, 2)), np.ones((5, 3)))] == [0] * 5
    first = np.random.default_rng(0).normal(size=(5, 2))
    assert [move.distance for move in moved_words(first, np.ones((5, 3)))] == [1] * 5
