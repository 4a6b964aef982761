"""How the words of a sentence become a model's input: character rows, word ids or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from elmokit.data.characters import boundary_rows, char_rows, word_bytes
from elmokit.data.vocabulary import BOS, EOS, Vocabulary


class Spelled(NamedTuple):
    """U words as a model reads them."""

    char_ids: np.ndarray | None
    """(U, C) int64"""
    word_ids: np.ndarray | None
    """(U,) int64"""


class Speller(Protocol):
    """Turns words into a model's input. ``bos`` and ``eos`` are spelled as sentence boundaries."""

    @property
    def bos(self) -> str:
        """The token before a sentence."""

    @property
    def eos(self) -> str:
        """The token after a sentence."""

    def spell(self, words: Sequence[str]) -> Spelled:
        """The input for each of ``words``."""


class ByteSpeller:
    """Words by their UTF-8 bytes, as bilm-tf spells them.

    Args:
        max_characters: places C of a row.
    """

    bos, eos = BOS, EOS

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._boundaries = dict(zip((BOS, EOS), boundary_rows(max_characters), strict=True))

    def spell(self, words: Sequence[str]) -> Spelled:
        """(U, C) symbols 0…260."""
        rows = char_rows([word_bytes(word) for word in words], self._max_characters)
        for k, word in enumerate(words):
            if word in self._boundaries:
                rows[k] = self._boundaries[word]
        return Spelled(rows, None)


class WordSpeller:
    """Words by their ids in a vocabulary; others are ``<UNK>``."""

    bos, eos = BOS, EOS

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def spell(self, words: Sequence[str]) -> Spelled:
        """(U,) word ids."""
        return Spelled(None, np.array([self._vocabulary.id_of(word) for word in words], dtype=np.int64))
