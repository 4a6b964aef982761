"""ELMo as an embedding of downstream models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.embedder import ElmoEmbedder


class ElmoEmbedding:
    """All layers of a biLM, each sentence from a zero state; see :class:`TokenEmbedding`.

    Args:
        embedder: the biLM.
        name: the choice as it was written.
        batch_size: number of sentences to embed together.
    """

    is_contextual = True

    def __init__(self, embedder: ElmoEmbedder, name: str, *, batch_size: int = 64) -> None:
        self.embedder = embedder
        self.name = name
        self.batch_size = batch_size

    def __repr__(self) -> str:
        return f"ElmoEmbedding({self.name!r}, num_layers={self.num_layers}, dim={self.dim})"

    @property
    def num_layers(self) -> int:
        """Number of layers L, with the token layer."""
        return self.embedder.num_layers

    @property
    def dim(self) -> int:
        """Width D of a vector of one layer."""
        return self.embedder.dim

    @property
    def fingerprint(self) -> str:
        """Digest of the biLM's parameters and of how it reads words."""
        return self.embedder.fingerprint

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Return float32 (T, L, D) for each sentence."""
        layers = self.embedder.embed(sentences, batch_size=self.batch_size)  # (L, T, D) each
        return [np.ascontiguousarray(own.swapaxes(0, 1)) for own in layers]
