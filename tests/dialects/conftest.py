"""A tiny model with everything: options, weights, vocabulary and softmax."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from elmokit import BiLM, Config, Vocabulary
from elmokit.formats.bilm_hdf5 import fill_softmax, write_weights

WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "sat", "on", "mat", ".", "dog", "naïve")
CHARACTERS = ["embedding_dim=5", "filters=[[1, 6], [2, 8], [3, 9]]", "num_highway=1"]
GEOMETRY = ["cell_dim=20", "projection_dim=8", "num_layers=2"]


@pytest.fixture(scope="session")
def words() -> tuple[str, ...]:
    return WORDS


@pytest.fixture(scope="session")
def write_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a model with random parameters that are large enough to matter."""

    def write(*changes: str, seed: int = 0) -> Path:
        directory = tmp_path_factory.mktemp("model")
        encoder = [] if "char_cnn=null" in changes else CHARACTERS
        config = Config.load("tiny", [*encoder, *GEOMETRY, *changes])
        model = BiLM(config.model, len(WORDS))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0.0, 0.4, generator=generator)
        write_weights(directory / "weights.hdf5", config.model, dict(model.named_parameters()))
        assert model.softmax is not None
        fill_softmax(directory / "softmax_weights.hdf5", model.softmax.weight, model.softmax.bias)
        options = json.dumps(config.to_bilm_options(num_words=len(WORDS)))
        (directory / "options.json").write_text(options, encoding="utf-8")
        Vocabulary(WORDS).save(directory / "vocab.txt")
        return directory

    return write


@pytest.fixture(scope="session")
def model(write_model: Callable[..., Path]) -> Path:
    """The directory of a model with characters."""
    return write_model()


@pytest.fixture(scope="session")
def word_model(write_model: Callable[..., Path]) -> Path:
    """The directory of a model with word embeddings."""
    return write_model("char_cnn=null")
