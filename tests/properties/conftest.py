"""Tiny models of every kind of input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.loading import load
from elmokit.model.bilm import BiLM
from elmokit.pretrained import PretrainedModel

WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "dog", "naïve", "我", "🙂", "a" * 60)


def random_model(*overrides: str) -> PretrainedModel:
    # Not narrower: in products of few odd columns the last bit of a row depends on its position.
    sizes = ["cell_dim=32", "projection_dim=16", *overrides]
    if "char_cnn=null" not in overrides:
        sizes += ["embedding_dim=4", "filters=[[1, 16], [2, 8], [3, 8]]"]
    config = Config.load("tiny", sizes)
    model = BiLM(config.model, len(WORDS))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4, generator=generator)
    return PretrainedModel(model.requires_grad_(False), config, Vocabulary(WORDS), Path("somewhere"))


@pytest.fixture(scope="package")
def models(golden) -> dict[str, PretrainedModel]:
    """A model of every kind of input."""
    return {
        "characters": random_model(),
        "forward only": random_model("bidirectional=false"),
        "words": random_model("char_cnn=null"),
        "words and characters": load(golden / "elmoformanylangs" / "words_and_characters"),
    }


@pytest.fixture(scope="package")
def directory(models, tmp_path_factory) -> Path:
    """The character model, with its softmax and vocabulary."""
    path = tmp_path_factory.mktemp("properties") / "model"
    models["characters"].save_pretrained(path)
    return path
