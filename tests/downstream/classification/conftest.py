"""Made texts that a classifier can learn in a moment."""

from __future__ import annotations

import random

import pytest

from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.fit_settings import FitSettings


def made(num_texts: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts with a good or a bad word among others, and their labels."""
    rng = random.Random(seed)
    texts, labels = [], []
    for _ in range(num_texts):
        label = rng.choice(["neg", "pos"])
        words = [f"w{rng.randrange(500)}" for _ in range(rng.randint(2, 7))]
        words.insert(rng.randrange(len(words)), "good" if label == "pos" else "bad")
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels


@pytest.fixture
def texts():
    return made(120, 1)


@pytest.fixture
def dev():
    return made(40, 2)


@pytest.fixture
def test():
    return made(60, 3)


@pytest.fixture
def random_words() -> list[RandomEmbedding]:
    return [RandomEmbedding(dim=12)]


@pytest.fixture
def settings():
    """Settings with which training takes less than a second."""

    def make(learning_rate=0.02, max_epochs=8, seed=1, **changes):
        fit = FitSettings(learning_rate=learning_rate, max_epochs=max_epochs, patience=max_epochs, seed=seed)
        return ClassifierSettings(hidden_dim=8, dropout=0.1, fit=fit, **changes)

    return make
