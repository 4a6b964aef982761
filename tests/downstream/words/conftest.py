"""An embedding whose vector of a word depends on the word before it, as a made sense does."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.downstream.embeddings.hashed import RandomEmbedding


class ContextEmbedding:
    """Layer 0 is the word; layer 1 the word and the one before it."""

    name, num_layers, dim, is_contextual = "context", 2, 16, True
    fingerprint = "context"

    def __init__(self) -> None:
        self._random = RandomEmbedding(dim=16)

    def vectors(self, sentences):
        found = []
        for sentence, own in zip(sentences, self._random.vectors(sentences), strict=True):
            before = np.vstack([np.zeros((1, 16), np.float32), own[:-1, 0]]) if sentence else own[:, 0]
            found.append(np.stack([own[:, 0], own[:, 0] + 2 * before], axis=1).astype(np.float32))
        return found


@pytest.fixture(scope="session")
def context():
    return ContextEmbedding()
