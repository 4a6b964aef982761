"""A small model of the original in an ELMo layer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from elmokit import Config, Elmo, Vocabulary, batch_to_ids
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.model.bilm import BiLM

GOLDEN = Path(__file__).parents[1] / "golden" / "infer_models"
MODEL = GOLDEN / "skip2_relu"
SENTENCES = [
    ["The", "cat", "sat", "on", "the", "mat", "."],
    [],
    ["naïve"],
    ["<S>", "我", "</S>", "the-word-of-more-than-fifty-bytes-that-has-to-be-cut-somewhere", "the", "The"],
]
WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "sat", "mat", ".")


@pytest.fixture
def make() -> Callable[..., Elmo]:
    """Make a layer without dropout."""

    def make(directory: Path = MODEL, **settings: object) -> Elmo:
        return Elmo(directory / "options.json", directory / "weights.hdf5", **{"dropout": 0.0, **settings})

    return make


@pytest.fixture
def elmo(make: Callable[..., Elmo]) -> Elmo:
    return make()


@pytest.fixture
def ids() -> Tensor:
    return batch_to_ids(SENTENCES)


@pytest.fixture
def word_model(tmp_path: Path) -> Path:
    directory = tmp_path / "words"
    directory.mkdir()
    config = Config.load("tiny", ["char_cnn=null", "cell_dim=20", "projection_dim=8", "num_layers=2"])
    model = BiLM(config.model, len(WORDS))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4, generator=generator)
    write_weights(directory / "weights.hdf5", config.model, model.state_dict())
    options = json.dumps(config.to_bilm_options(num_words=len(WORDS)))
    (directory / "options.json").write_text(options, encoding="utf-8")
    Vocabulary(WORDS).save(directory / "vocab.txt")
    return directory


@pytest.fixture
def narrow_model(tmp_path: Path) -> Path:
    """A model that reads 10 characters of a word, markers included."""
    directory = tmp_path / "narrow"
    directory.mkdir()
    geometry = ["embedding_dim=5", "filters=[[1, 6], [3, 9]]", "num_highway=1", "cell_dim=20", "num_layers=2"]
    config = Config.load("tiny", [*geometry, "projection_dim=8", "max_characters=10"])
    model = BiLM(config.model, len(WORDS))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4, generator=generator)
    write_weights(directory / "weights.hdf5", config.model, model.state_dict())
    options = json.dumps(config.to_bilm_options(num_words=len(WORDS)))
    (directory / "options.json").write_text(options, encoding="utf-8")
    return directory
