"""Models made by the package elmoformanylangs: the vectors that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit import ElmoEmbedder

pytestmark = pytest.mark.peer

VARIANTS = ("characters", "equal_widths", "no_clips", "no_highway", "words", "words_and_characters")
GOLDEN = Path(__file__).parents[1] / "golden" / "elmoformanylangs"
GOLDEN_SEED = 0
SEED = 7
# What the package calls them → what we do.
LAYERS = {-2: "all", -1: "average", 0: 0, 1: 1, 2: 2}


@pytest.fixture(scope="module")
def models(run_peer: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for each variant."""
    root = tmp_path_factory.mktemp("models")
    run_peer("elmoformanylangs", root, SEED)
    return root


def test_every_variant_was_made(models):
    assert sorted(directory.name for directory in models.iterdir()) == sorted(VARIANTS)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_vectors(models, variant, layer):
    sentences = json.loads((models / variant / "sentences.json").read_text(encoding="utf-8"))
    vectors = ElmoEmbedder.load(models / variant).embed(sentences, LAYERS[layer])
    with np.load(models / variant / "out.npz") as recorded:
        expected = recorded[f"output_layer_{layer}"]
    assert [ours.shape[-2] for ours in vectors] == [len(sentence) for sentence in sentences]
    actual = np.concatenate(vectors, axis=-2)
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_the_golden_data_is_what_the_package_gives(run_peer, tmp_path):
    run_peer("elmoformanylangs", tmp_path, GOLDEN_SEED)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert made == sorted(path.relative_to(GOLDEN) for path in GOLDEN.rglob("*") if path.is_file())
    for name in made:
        if name.suffix == ".pkl":
            expected, actual = (torch.load(root / name, weights_only=True) for root in (GOLDEN, tmp_path))
            torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)
        elif name.suffix == ".npz":
            with np.load(GOLDEN / name) as expected, np.load(tmp_path / name) as actual:
                assert list(actual) == list(expected)
                for key in expected:
                    np.testing.assert_allclose(actual[key], expected[key], rtol=0, atol=1e-5, err_msg=key)
        else:
            assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes(), name
