"""The weighted average of layers, and its map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elmokit.explorer.mixing import layer_weights, map_of_mix, mixed
from elmokit.model.scalar_mix import ScalarMix
from elmokit.visualize.alignment import aligned
from elmokit.visualize.projection import project


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def layers(rng) -> np.ndarray:
    return rng.normal(size=(3, 40, 8)).astype(np.float32)


@pytest.mark.parametrize("numbers", [[0.0, 0.0, 0.0], [1.5, -2.0, 0.3], [400.0, -400.0, 0.0]])
def test_layers_are_mixed_as_by_the_scalar_mix_of_elmo(layers, numbers):
    expected = ScalarMix(3, initial_scalar_parameters=numbers)([torch.from_numpy(layer) for layer in layers])
    np.testing.assert_allclose(mixed(layers, layer_weights(numbers)), expected.detach().numpy(), atol=1e-5)


def test_identical_points_stay_identical():
    np.testing.assert_array_equal(map_of_mix(np.ones((3, 1, 8)), [1.0, 0.0, 0.0], "pca"), [[0.0, 0.0]])


def test_a_small_change_of_the_weights_moves_points_only_a_little(layers):
    def step(points, others):
        return float(np.abs(points - others).max())

    before = map_of_mix(layers, layer_weights([0.0, 0.0, 0.0]), "pca")
    after = map_of_mix(layers, layer_weights([0.05, 0.0, 0.0]), "pca")
    far = map_of_mix(layers, layer_weights([4.0, 0.0, 0.0]), "pca")
    assert 0 < step(before, after) < 0.1 < step(before, far)


def test_a_single_layer_is_a_mix(layers):
    own = aligned(project(layers[1], "pca"), project(layers.mean(axis=0), "pca"))
    np.testing.assert_allclose(map_of_mix(layers, [0.0, 1.0, 0.0], "pca"), own, atol=1e-6)
