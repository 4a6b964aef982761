"""``sents2elmo``, compared with the native interface."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.dialects.elmoformanylangs import Embedder
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError

SENTENCES = [["the", "play", "was", "good"], ["children"]]


@pytest.mark.parametrize(("output_layer", "layers"), [(-1, "average"), (-2, "all"), (0, 0), (2, 2)])
def test_layers(output_layer, layers):
    found = Embedder("tiny-en", batch_size=1).sents2elmo(SENTENCES, output_layer)
    expected = ElmoEmbedder.load("tiny-en").embed(SENTENCES, layers)
    for vectors, plain in zip(found, expected, strict=True):
        assert np.array_equal(vectors, plain)


@pytest.mark.parametrize("output_layer", [3, -3])
def test_a_layer_that_does_not_exist(output_layer):
    with pytest.raises(ConfigError, match=f"output_layer: expected -2 to 2, got {output_layer}"):
        Embedder("tiny-en").sents2elmo(SENTENCES, output_layer)
