"""Tiny models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.model.bilm import BiLM

WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "sat", "on", "mat", ".")

KINDS = {
    "characters": [],
    "forward only": ["bidirectional=false"],
    "words": ["char_cnn=null"],
    "no projections": ["filters=[[1, 6], [2, 10]]", "cell_dim=16", "num_highway=0", "activation=tanh"],
}


def _config(kind: str) -> Config:
    geometry = ["embedding_dim=5", "filters=[[1, 6], [2, 8], [3, 9]]", "num_highway=1", "cell_dim=20"]
    if "char_cnn=null" in KINDS[kind]:
        geometry = ["cell_dim=20"]
    return Config.load("tiny", [*geometry, "projection_dim=16", "num_layers=2", *KINDS[kind]])


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """What is special about a tiny model."""
    name: str = request.param
    return name


@pytest.fixture
def make_config() -> Callable[[str], Config]:
    return _config


@pytest.fixture
def make_model() -> Callable[[Config], BiLM]:
    """A model with random parameters that are large enough to matter."""

    def make(config: Config) -> BiLM:
        generator = torch.Generator().manual_seed(3)
        model = BiLM(config.model, len(WORDS))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0.0, 0.4, generator=generator)
        return model

    return make


@pytest.fixture
def model_directory(tmp_path: Path, make_model: Callable[[Config], BiLM]) -> Callable[[str], Path]:
    """A directory with options.json, weights.hdf5 and vocab.txt of a tiny model."""

    def write(kind: str) -> Path:
        config, directory = _config(kind), tmp_path / kind.replace(" ", "-")
        directory.mkdir()
        write_weights(directory / "weights.hdf5", config.model, make_model(config).state_dict())
        options = json.dumps(config.to_bilm_options(num_words=len(WORDS)))
        (directory / "options.json").write_text(options, encoding="utf-8")
        Vocabulary(WORDS).save(directory / "vocab.txt")
        return directory

    return write
