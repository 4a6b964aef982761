"""Maps that are turned to match another."""

from __future__ import annotations

import numpy as np

from elmokit.visualize.alignment import aligned


def test_a_map_is_aligned_with_its_reference():
    reference = np.random.default_rng(3).normal(size=(30, 2))
    angle = 2.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirrored = 17 * (reference * [1, -1]) @ turn + [5, -8]
    size = np.sqrt(((reference - reference.mean(axis=0)) ** 2).sum(axis=1).mean())
    np.testing.assert_allclose(aligned(mirrored, reference), (reference - reference.mean(axis=0)) / size)


def test_identical_points_stay_identical():
    np.testing.assert_array_equal(aligned(np.ones((4, 2)), np.zeros((4, 2))), np.zeros((4, 2)))
