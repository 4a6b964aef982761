"""Tables of word vectors that build those of unknown words from character n-grams, as fastText does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.errors import ConfigError

_FNV_OFFSET, _FNV_PRIME, _MASK = 2166136261, 16777619, 0xFFFFFFFF


class SubwordEmbedding(StaticEmbedding):
    """One vector per word; that of an unknown word is the average over its n-grams (Bojanowski et al. 2017).

    A word that is too short to have n-grams has the vector zero.

    Args:
        name: the choice as it was written.
        words: V distinct words.
        table: (V, D) float32, one row per word.
        ngrams: (buckets, D) float32, the vectors of n-grams by their hash.
        min_n: length of the shortest n-grams in characters, with the marks ``<`` and ``>`` around the word.
        max_n: length of the longest.

    Raises:
        ConfigError: if the tables do not fit.
    """

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        table: np.ndarray,
        ngrams: np.ndarray,
        *,
        min_n: int,
        max_n: int,
    ) -> None:
        super().__init__(name, words, table, np.zeros(table.shape[-1], dtype=np.float32))
        if ngrams.ndim != 2 or not len(ngrams) or ngrams.shape[1] != table.shape[1]:
            raise ConfigError(
                f"{name}: expected vectors of n-grams of width {table.shape[1]}, got {ngrams.shape}"
            )
        self.ngrams = ngrams.astype(np.float32, copy=False)
        self.min_n = min_n
        self.max_n = max_n

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the words, their vectors and those of n-grams."""
        digest = hashlib.blake2b(f"{super().fingerprint} {self.min_n} {self.max_n}".encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.ngrams).data)
        return digest.hexdigest()

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Return float32 (T, 1, D) for each sentence."""
        found = super().vectors(sentences)
        unknown: dict[str, np.ndarray] = {}
        for sentence, own in zip(sentences, found, strict=True):
            for place, word in enumerate(sentence):
                if word not in self:
                    if word not in unknown:
                        unknown[word] = self._from_ngrams(word)
                    own[place, 0] = unknown[word]
        return found

    def _from_ngrams(self, word: str) -> np.ndarray:
        buckets = ngram_buckets(word, self.min_n, self.max_n, len(self.ngrams))
        if not buckets:
            return np.zeros(self.dim, dtype=np.float32)
        average: np.ndarray = self.ngrams[buckets].mean(axis=0)
        return average


def ngram_buckets(word: str, min_n: int, max_n: int, num_buckets: int) -> list[int]:
    """Return the buckets of the n-grams of ``<word>``, by fastText's hash (FNV-1a over signed bytes)."""
    characters = [
        [byte | 0xFFFFFF00 if byte > 127 else byte for byte in character.encode(errors="surrogatepass")]
        for character in f"<{word}>"
    ]
    buckets = []
    for start in range(len(characters)):
        value = _FNV_OFFSET
        for end in range(start + 1, min(start + max_n, len(characters)) + 1):
            for byte in characters[end - 1]:
                value = ((value ^ byte) * _FNV_PRIME) & _MASK
            is_mark = end - start == 1 and (start == 0 or end == len(characters))
            if end - start >= min_n and not is_mark:
                buckets.append(value % num_buckets)
    return buckets
