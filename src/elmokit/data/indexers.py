"""Turning words into the ids that a model reads: rows of character ids, word ids or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from elmokit.data.characters import boundary_rows, char_rows, word_bytes
from elmokit.data.vocabulary import BOS, EOS, Vocabulary


class TokenIds(NamedTuple):
    """The ids of U words."""

    char_ids: np.ndarray | None
    """(U, C) int64; None if the model does not read characters."""
    word_ids: np.ndarray | None
    """(U,) int64; None if the model does not read word ids."""


class Indexer(Protocol):
    """Turns words into the ids that a model reads. ``bos`` and ``eos`` become sentence boundaries."""

    @property
    def bos(self) -> str:
        """The token before a sentence."""

    @property
    def eos(self) -> str:
        """The token after a sentence."""

    def index(self, words: Sequence[str]) -> TokenIds:
        """Return the ids of each of ``words``."""


class CharacterIndexer:
    """Turns words into the symbols of their UTF-8 bytes, as bilm-tf does.

    Args:
        max_characters: C, the number of symbols per word; longer words are truncated.
    """

    bos, eos = BOS, EOS

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._boundaries = dict(zip((BOS, EOS), boundary_rows(max_characters), strict=True))

    def __repr__(self) -> str:
        return f"CharacterIndexer({self._max_characters})"

    def index(self, words: Sequence[str]) -> TokenIds:
        """Return (U, C) symbols from 0 to 260."""
        return TokenIds(self.rows(words), None)

    def rows(self, words: Sequence[str]) -> np.ndarray:
        """Return the symbols of :meth:`index` alone, (U, C)."""
        rows = char_rows([word_bytes(word) for word in words], self._max_characters)
        for k, word in enumerate(words):
            if word in self._boundaries:
                rows[k] = self._boundaries[word]
        return rows


class WordIndexer:
    """Turns words into their ids in a vocabulary; other words become ``<UNK>``."""

    bos, eos = BOS, EOS

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def __repr__(self) -> str:
        return f"WordIndexer({self._vocabulary!r})"

    def index(self, words: Sequence[str]) -> TokenIds:
        """Return (U,) word ids."""
        return TokenIds(None, np.array([self._vocabulary.id_of(word) for word in words], dtype=np.int64))
