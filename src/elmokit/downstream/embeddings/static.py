"""Tables of word vectors as embeddings of downstream models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from elmokit.errors import ConfigError


class StaticEmbedding:
    """One vector per word, whatever its context; see :class:`TokenEmbedding`.

    Args:
        name: the choice as it was written.
        words: V distinct words.
        table: (V, D) float32, one row per word.
        unknown: (D,) the vector of every word that is not in the table; by default the average of the table.

    Raises:
        ConfigError: if the table is empty or does not fit its words.
    """

    is_contextual = False
    num_layers = 1

    def __init__(
        self, name: str, words: Sequence[str], table: np.ndarray, unknown: np.ndarray | None = None
    ) -> None:
        if table.ndim != 2 or len(table) != len(words) or not len(words):
            raise ConfigError(
                f"{name}: expected one vector for each of {len(words)} words, got {table.shape}"
            )
        self.name = name
        self._row_of = {word: row for row, word in enumerate(words)}
        if unknown is None:
            unknown = table.mean(axis=0, dtype=np.float64)
        # The last row is that of unknown words.
        self._table = np.vstack([table, unknown[None]]).astype(np.float32, copy=False)

    def __repr__(self) -> str:
        return f"StaticEmbedding({self.name!r}, num_words={len(self._row_of)}, dim={self.dim})"

    @property
    def dim(self) -> int:
        """Width D of a vector."""
        return int(self._table.shape[1])

    def __contains__(self, word: str) -> bool:
        return word in self._row_of

    @property
    def words(self) -> list[str]:
        """The V words of the table."""
        return list(self._row_of)

    @property
    def table(self) -> np.ndarray:
        """(V + 1, D) the vectors of the words, and that of every other word."""
        return self._table

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the words and their vectors."""
        digest = hashlib.blake2b(np.ascontiguousarray(self._table).data, digest_size=16)
        digest.update("\n".join(self._row_of).encode(errors="surrogatepass"))
        return digest.hexdigest()

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Return float32 (T, 1, D) for each sentence."""
        unknown = len(self._table) - 1
        rows = [[self._row_of.get(word, unknown) for word in sentence] for sentence in sentences]
        return [self._table[np.array(own, dtype=np.int64)][:, None] for own in rows]
