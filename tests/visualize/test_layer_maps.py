"""Maps of the layers of a model, aligned with each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from elmokit.visualize.layer_maps import layer_name, map_layers
from elmokit.visualize.projection import project


@pytest.fixture
def layers() -> dict[str, np.ndarray]:
    """Forty words of two types; above the token layer, the words of each type part into two groups."""
    generator = np.random.default_rng(3)
    types, groups = np.repeat([0, 1], 20), np.tile(np.repeat([2, 3], 10), 2)
    token = np.eye(8)[types]
    noise = 0.1 * generator.normal(size=(2, 40, 8))
    return {
        "token": token.astype(np.float32),
        "low": (token + 0.5 * np.eye(8)[groups] + noise[0]).astype(np.float32),
        "top": (token + np.eye(8)[groups] + noise[1]).astype(np.float32),
    }


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_points_move_no_more_than_necessary(layers, method):
    coordinates, maps = map_layers(layers, "top", method)
    assert [one.name for one in maps] == ["token", "low", "top"]
    np.testing.assert_array_equal(coordinates, project(layers["top"], method))
    for one in maps:
        np.testing.assert_allclose(one.coordinates.mean(axis=0), 0, atol=1e-9)
        assert np.sqrt((one.coordinates**2).sum(axis=1).mean()) == pytest.approx(1)
    # Words of a type start as one point.
    assert len(np.unique(maps[0].coordinates.round(6), axis=0)) == 2
    # No rotation or reflection brings a layer nearer to the next one.
    for lower, upper in itertools.pairwise(maps):
        distance = np.linalg.norm(lower.coordinates - upper.coordinates)
        for angle in np.linspace(0, 6, 30):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            for mirror in (1, -1):
                turned = lower.coordinates * [mirror, 1] @ turn
                assert np.linalg.norm(turned - upper.coordinates) > distance - 1e-6


def test_each_layer_has_its_own_neighbors(layers):
    _, maps = map_layers(layers, "low", "pca")
    for one, vectors in zip(maps, layers.values(), strict=True):
        units = vectors.astype(float) / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = units @ units.T
        np.fill_diagonal(cosines, -2)
        np.testing.assert_allclose(one.similarities, -np.sort(-cosines, axis=1)[:, :8], atol=1e-5)
        np.testing.assert_allclose(
            np.take_along_axis(cosines, one.neighbors, axis=1), one.similarities, atol=1e-5
        )


def test_progress_and_names(layers):
    fractions: list[float] = []
    map_layers(layers, "top", "tsne", on_progress=fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert [layer_name(number) for number in (0, 2)] == ["token layer", "LSTM layer 2"]
