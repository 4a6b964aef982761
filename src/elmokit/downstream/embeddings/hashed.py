"""Random word vectors: what a downstream model reaches without any pre-training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


class RandomEmbedding:
    """A fixed random vector for each word, drawn from a hash of its spelling; see :class:`TokenEmbedding`.

    No word is unknown, and a word has the same vector in every program.

    Args:
        name: the choice as it was written.
        dim: width D of a vector.
        seed: another seed gives other vectors.
    """

    is_contextual = False
    num_layers = 1

    def __init__(self, name: str = "random", *, dim: int = 100, seed: int = 0) -> None:
        self.name = name
        self.dim = dim
        self.seed = seed
        self._known: dict[str, np.ndarray] = {}

    def __repr__(self) -> str:
        return f"RandomEmbedding({self.name!r}, dim={self.dim}, seed={self.seed})"

    @property
    def fingerprint(self) -> str:
        """Digest of the width and the seed."""
        return hashlib.blake2b(f"random {self.dim} {self.seed}".encode(), digest_size=16).hexdigest()

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Return float32 (T, 1, D) for each sentence."""
        return [
            np.array([self._vector(word) for word in sentence], dtype=np.float32).reshape(-1, 1, self.dim)
            for sentence in sentences
        ]

    def _vector(self, word: str) -> np.ndarray:
        if (known := self._known.get(word)) is None:
            digest = hashlib.blake2b(
                word.encode(errors="surrogatepass"), digest_size=8, key=str(self.seed).encode()
            )
            generator = np.random.default_rng(int.from_bytes(digest.digest(), "little"))
            # Uniform with the standard deviation of trained vectors, as word2vec initializes them.
            known = generator.uniform(-0.5, 0.5, self.dim).astype(np.float32)
            self._known[word] = known
        return known
