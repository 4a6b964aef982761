"""Tagged sentences that a small tagger learns at once: the tag follows from the word."""

from __future__ import annotations

import random

import pytest

from elmokit.downstream.embeddings.hashed import RandomEmbedding


def made_data(num_sentences: int, seed: int) -> tuple[list[list[str]], list[list[str]]]:
    rng = random.Random(seed)
    sentences, tags = [], []
    for _ in range(num_sentences):
        words, own = [], []
        for _ in range(rng.randint(1, 4)):
            if rng.random() < 0.5:
                words += ["Ms", rng.choice(["Lee", "May"]), "runs"]
                own += ["O", "B-PER", "O"]
            else:
                words += ["in", "New", "York"]
                own += ["O", "B-LOC", "I-LOC"]
        sentences.append(words)
        tags.append(own)
    return sentences, tags


@pytest.fixture(scope="session")
def train_data():
    return made_data(60, 0)


@pytest.fixture(scope="session")
def dev_data():
    return made_data(20, 1)


@pytest.fixture
def random_embedding() -> RandomEmbedding:
    return RandomEmbedding(dim=12)
