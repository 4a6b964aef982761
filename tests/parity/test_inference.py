"""Vectors, compared with recorded results of the original."""

from __future__ import annotations

import json

import numpy as np
import pytest

from elmokit.embedder import ElmoEmbedder

MODELS = ("highway_nocnnproj", "no_clips", "nohighway_cnnproj", "one_layer", "skip2_relu", "skip3_tanh")


def _check(vectors: list[np.ndarray], sentences: list[list[str]], expected: np.ndarray) -> np.ndarray:
    """Compare with a padded (B, L, T, D) array and return the absolute differences, flattened."""
    assert len(vectors) == len(sentences) == len(expected)
    differences = []
    for sentence, actual, padded in zip(sentences, vectors, expected, strict=True):
        assert actual.shape == (padded.shape[0], len(sentence), padded.shape[2])
        assert actual.dtype == np.float32
        differences.append(np.abs(actual - padded[:, : len(sentence)]).ravel())
        assert differences[-1].max() < 1e-4
    return np.concatenate(differences)


@pytest.mark.parametrize("name", MODELS)
def test_infer_models(name, golden):
    batches = json.loads((golden / "infer_models" / "batches.json").read_text(encoding="utf-8"))
    embedder = ElmoEmbedder.load(golden / "infer_models" / name)
    with np.load(golden / "infer_models" / name / "out.npz") as recorded:
        differences = np.concatenate(
            [
                _check(embedder.embed(batch), batch, recorded[f"fresh/b{k}/lm_embeddings"])
                for k, batch in enumerate(batches)
            ]
        )
        state = embedder.embed_statefully(batches[0], embedder.zero_state(4))[1]
        parts = [part.numpy() for layers in state for layer in layers for part in layer]
        for k, part in enumerate(parts):
            np.testing.assert_allclose(part, recorded[f"state_after_b0/{k}"], atol=1e-4)
        assert f"state_after_b0/{len(parts)}" not in recorded
    assert differences.mean() < 1e-6


class TestPublishedModel:
    """The test model of bilm-tf on its thirty sentences."""

    @pytest.fixture
    def batches(self, reference) -> list[list[list[str]]]:
        path = reference / "infer_stateful" / "batches.json"
        batches: list[list[list[str]]] = json.loads(path.read_text(encoding="utf-8"))
        return batches

    @pytest.fixture
    def embedder(self, reference) -> ElmoEmbedder:
        return ElmoEmbedder.load(reference / "infer_stateful" / "lm_weights.hdf5")

    @pytest.fixture
    def recorded(self, reference):
        with np.load(reference / "infer_stateful" / "infer.npz") as file:
            yield file

    def test_fresh(self, batches, embedder, recorded):
        differences = np.concatenate(
            [
                _check(embedder.embed(batch), batch, recorded[f"fresh/b{k}/lm_embeddings"])
                for k, batch in enumerate(batches)
            ]
        )
        assert differences.mean() < 1e-6

    def test_carried(self, batches, embedder, recorded):
        state, differences = embedder.zero_state(4), []
        for k, batch in enumerate(batches):
            vectors, state = embedder.embed_statefully(batch, state)
            differences.append(_check(vectors, batch, recorded[f"stateful/b{k}/lm_embeddings"]))
        assert np.concatenate(differences).mean() < 1e-6
        after_b9 = _flat(state)
        for k, part in enumerate(after_b9):
            np.testing.assert_allclose(part, recorded[f"stateful/after_b9/state{k}"], atol=1e-4)

        # With a batch of one sentence, the other slots keep their state, and the given state is not modified.
        alone = [batches[0][0]]
        vectors, new_state = embedder.embed_statefully(alone, state)
        _check(vectors, alone, recorded["stateful/b10_first_sentence_of_b0_alone/lm_embeddings"])
        assert len(after_b9) == 8
        for k, (part, before, kept) in enumerate(zip(_flat(new_state), after_b9, _flat(state), strict=True)):
            np.testing.assert_allclose(part, recorded[f"stateful/after_b10/state{k}"], atol=1e-4)
            np.testing.assert_array_equal(part[1:], before[1:])
            assert not np.array_equal(part[0], before[0])
            np.testing.assert_array_equal(kept, before)


def _flat(state) -> list[np.ndarray]:
    return [part.numpy().copy() for layers in state for layer in layers for part in layer]
