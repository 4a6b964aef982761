"""One vector for a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.model.pooling import choose_pooling

VECTORS = np.array([[[1, -2], [3, -4], [2, -9]], [[0, 1], [0, 1], [6, 1]]], np.float32)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", [[2.0, -5.0], [2.0, 1.0]]),
        ("max", [[3.0, -2.0], [6.0, 1.0]]),
        ("first", [[1.0, -2.0], [0.0, 1.0]]),
        ("last", [[2.0, -9.0], [6.0, 1.0]]),
    ],
)
def test_each_pooling(pooling, expected):
    pool = choose_pooling(pooling)
    assert pool(VECTORS).tolist() == expected
    assert pool(VECTORS[0]).tolist() == expected[0]
    assert pool(VECTORS).dtype == np.float32
    assert pool(VECTORS).base is None  # a view would keep the vectors of all words
    assert pool(VECTORS[:, :0]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert pool(VECTORS[0, :0]).tolist() == [0.0, 0.0]


def test_no_pooling():
    assert choose_pooling(None)(VECTORS) is VECTORS


@pytest.mark.parametrize("pooling", ["sum", "", True, ["mean"]])
def test_what_is_no_pooling(pooling):
    with pytest.raises(ConfigError, match=r"pooling: expected mean, max, first, last or None, got "):
        choose_pooling(pooling)


@pytest.mark.parametrize("layers", ["all", "average", 1])
def test_sentences_are_pooled_alone(layers):
    embedder = ElmoEmbedder.load("tiny-en")
    sentences = ["the cat sat on the mat", "", "dog"]
    words = embedder.embed(sentences, layers)
    for pooling in ("mean", "max", "first", "last"):
        pooled = np.stack(embedder.embed(iter(sentences), layers, pooling=pooling))
        assert pooled.shape == ((3, 3, 256) if layers == "all" else (3, 256))
        assert not pooled[1].any()
        assert np.array_equal(pooled[2], words[2][..., 0, :])
        assert np.array_equal(pooled[0], choose_pooling(pooling)(words[0]))
