"""The mix of layers, and its map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elmokit.data.occurrences import Occurrence
from elmokit.explorer.map_figure import HEIGHT, color_of, draw_map, symbol_of
from elmokit.explorer.mixing import aligned, layer_weights, map_of_mix, mixed
from elmokit.model.scalar_mix import ScalarMix
from elmokit.visualize.projection import project

SENTENCE = ("we", "have", "the", "<b>right</b>", "to", "Have", "x" * 100)
OCCURRENCES = [Occurrence(SENTENCE, 0, k) for k in range(len(SENTENCE))]


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


def test_a_map_is_laid_over_its_reference(rng):
    reference = rng.normal(size=(30, 2))
    angle = 2.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirrored = 17 * (reference * [1, -1]) @ turn + [5, -8]
    size = np.sqrt(((reference - reference.mean(axis=0)) ** 2).sum(axis=1).mean())
    np.testing.assert_allclose(aligned(mirrored, reference), (reference - reference.mean(axis=0)) / size)


def test_points_in_one_place_stay_there():
    np.testing.assert_array_equal(aligned(np.ones((4, 2)), np.zeros((4, 2))), np.zeros((4, 2)))
    np.testing.assert_array_equal(map_of_mix(np.ones((3, 1, 8)), [1.0, 0.0, 0.0], "pca"), [[0.0, 0.0]])


def test_a_small_step_of_the_weights_is_a_small_step_on_the_map(layers):
    def step(points, others):
        return float(np.abs(points - others).max())

    before = map_of_mix(layers, layer_weights([0.0, 0.0, 0.0]), "pca")
    after = map_of_mix(layers, layer_weights([0.05, 0.0, 0.0]), "pca")
    far = map_of_mix(layers, layer_weights([4.0, 0.0, 0.0]), "pca")
    assert 0 < step(before, after) < 0.1 < step(before, far)


def test_a_single_layer_is_a_mix(layers):
    own = aligned(project(layers[1], "pca"), project(layers.mean(axis=0), "pca"))
    np.testing.assert_allclose(map_of_mix(layers, [0.0, 1.0, 0.0], "pca"), own, atol=1e-6)


# --- the figure ----------------------------------------------------------------------------------


@pytest.fixture
def coordinates(rng) -> np.ndarray:
    return rng.normal(size=(len(OCCURRENCES), 2))


def test_a_point_stands_for_each_word(coordinates):
    (points,) = draw_map(OCCURRENCES, coordinates, selected=1).data
    np.testing.assert_array_equal(np.transpose([points.x, points.y]), coordinates)
    assert list(points.customdata) == list(range(len(OCCURRENCES)))
    assert points.marker.size[1] == max(points.marker.size)
    assert points.marker.size[1] > points.marker.size[5] > points.marker.size[0]  # have, Have, we
    assert [weight == "bold" for weight in points.textfont.weight] == [
        k in (1, 5) for k in range(len(OCCURRENCES))
    ]


def test_words_are_text_not_markup(coordinates):
    (points,) = draw_map(OCCURRENCES, coordinates, selected=None).data
    assert points.text[3] == "&lt;b&gt;right&lt;/b&gt;"
    assert "&lt;b&gt;right&lt;/b&gt;" in points.hovertext[3]
    assert "<b>the</b>" in points.hovertext[2]
    assert points.text[6] == "x" * 29 + "…"


@pytest.mark.parametrize("width", [None, 300, 900])
def test_both_axes_have_one_scale_and_all_points_are_inside(coordinates, width):
    layout = draw_map(OCCURRENCES, coordinates, None, width).layout
    (x0, x1), (y0, y1) = layout.xaxis.range, layout.yaxis.range
    assert (x1 - x0) / (width or 640) == pytest.approx((y1 - y0) / HEIGHT)
    assert x0 < coordinates[:, 0].min()
    assert x1 > coordinates[:, 0].max()
    assert y0 < coordinates[:, 1].min()
    assert y1 > coordinates[:, 1].max()


def test_points_in_one_place_are_drawn(rng):
    figure = draw_map(OCCURRENCES, np.zeros((len(OCCURRENCES), 2)), 0)
    assert sum(text != "" for text in figure.data[0].text) > 1


def test_twenty_eight_sentences_look_different():
    looks = {(color_of(number), symbol_of(number)) for number in range(28)}
    assert len(looks) == 28
