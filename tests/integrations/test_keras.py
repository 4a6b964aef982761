"""The layer in real Keras models: built, trained, saved, loaded."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit import Elmo, ElmoEmbedder, batch_to_ids
from elmokit.errors import ElmokitError, ModelFileError
from elmokit.integrations.keras import ElmoEmbedding, keras

# Keras converts its variables in a way that NumPy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SENTENCES = ["the cat sat", "", "on the mat .", "the mat"]
LABELS = np.array([1, 0, 1, 0])


def classifier(path: Path | str, **options: object) -> keras.Model:
    elmo = ElmoEmbedding(path, name="elmo", **options)
    return keras.Sequential(
        [
            keras.Input((None, elmo.num_ids), dtype="int32"),
            elmo,
            keras.layers.Bidirectional(keras.layers.LSTM(4)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


@pytest.mark.parametrize("do_layer_norm", [False, True])
def test_the_vectors_are_those_of_the_layer_for_pytorch(kind, model_directory, do_layer_norm):
    path = model_directory(kind)
    layer = ElmoEmbedding(path, do_layer_norm=do_layer_norm)
    own = layer(layer.ids(SENTENCES))
    expected = Elmo.from_pretrained(path, dropout=0.0, do_layer_norm=do_layer_norm)(SENTENCES)
    torch.testing.assert_close(own, expected["elmo_representations"][0])
    assert torch.equal(layer.compute_mask(torch.as_tensor(layer.ids(SENTENCES))), expected["mask"])
    assert layer.mixing_weights == pytest.approx([1 / 3] * 3)


def test_ids_of_characters_are_those_of_batch_to_ids(model_directory):
    layer = ElmoEmbedding(model_directory("characters"))
    np.testing.assert_array_equal(layer.ids(SENTENCES), batch_to_ids(SENTENCES).numpy())
    assert layer.ids(SENTENCES, num_tokens=2).shape == (4, 2, 50)
    assert layer.ids(SENTENCES, num_tokens=9).shape == (4, 9, 50)
    assert layer.ids([]).shape == (0, 0, 50)
    with pytest.raises(ElmokitError, match="expected a list of sentences"):
        layer.ids("the cat")


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_a_trained_model_is_saved_and_loaded(kind, model_directory, tmp_path):
    model = classifier(model_directory(kind))
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    elmo = model.get_layer("elmo")
    ids, before = elmo.ids(SENTENCES), elmo.mixing_weights
    frozen = ElmoEmbedder.load(elmo.model).fingerprint
    losses = model.fit(ids, LABELS, epochs=15, batch_size=2, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert elmo.mixing_weights != before
    assert elmo._embedder.fingerprint == frozen
    assert [w.path.split("/")[-1] for w in elmo.trainable_weights] == ["scalars", "gamma"]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(ids, verbose=0), model.predict(ids, verbose=0))
    assert again.get_layer("elmo").mixing_weights == elmo.mixing_weights


def test_another_model_at_the_same_path_is_refused(model_directory, tmp_path):
    path = model_directory("characters")
    classifier(path).save(tmp_path / "model.keras")
    other = model_directory("forward only")
    for name in ("options.json", "weights.hdf5"):
        (other / name).replace(path / name)
    with pytest.raises(ModelFileError, match="not the model that the layer was saved with"):
        keras.saving.load_model(tmp_path / "model.keras")


def test_other_inputs_are_refused(model_directory):
    with pytest.raises(ElmokitError, match=r"expected ids of the shape \(B, T, 50\), which the method ids"):
        ElmoEmbedding(model_directory("characters"))(np.zeros((2, 3, 4), np.int32))


def test_half_precision(model_directory):
    layer = ElmoEmbedding(model_directory("characters"), dtype="mixed_float16")
    assert layer(layer.ids(SENTENCES)).dtype == torch.float16


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.delitem(sys.modules, "elmokit.integrations.keras")
    with pytest.raises(ElmokitError, match="needs the PyTorch backend of Keras, got 'jax': set the env"):
        importlib.import_module("elmokit.integrations.keras")
