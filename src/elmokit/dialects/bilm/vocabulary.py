"""bilm-tf's vocabularies: word ids, and the characters of words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from elmokit.arguments import checked, strings, whole_number
from elmokit.config.section import LARGEST_DIM
from elmokit.data import vocabulary
from elmokit.data.indexers import CharacterIndexer
from elmokit.data.vocabulary import BOS, BOS_ID, EOS, EOS_ID, UNK_ID
from elmokit.errors import ConfigError

_LEAST_CHARACTERS = 3  # two markers and one byte


class Vocabulary(vocabulary.Vocabulary):
    """The words of a file, as every part of elmokit takes them, with the names that bilm-tf has.

    Args:
        filename: one word per line, ``<S>``, ``</S>`` and ``<UNK>`` first.
        validate_file: has no effect: the file is always checked.

    Raises:
        VocabularyError: if a line is not a word, or a marker is missing.
    """

    @checked
    def __init__(self, filename: str | Path, validate_file: bool = False) -> None:
        super().__init__(vocabulary.Vocabulary.load(filename).words)

    @classmethod
    def load(cls, path: str | Path) -> vocabulary.Vocabulary:
        """Read a vocabulary file; see :meth:`elmokit.Vocabulary.load`."""
        return vocabulary.Vocabulary.load(path)

    @property
    def size(self) -> int:
        """Number of words, with the markers."""
        return len(self)

    @property
    def bos(self) -> int:
        """Id of ``<S>``."""
        return BOS_ID

    @property
    def eos(self) -> int:
        """Id of ``</S>``."""
        return EOS_ID

    @property
    def unk(self) -> int:
        """Id of ``<UNK>``."""
        return UNK_ID

    @checked
    def word_to_id(self, word: str) -> int:
        """Return the id of a word, or that of ``<UNK>``."""
        return self.id_of(word)

    @checked
    def id_to_word(self, cur_id: int) -> str:
        """Return the word with an id."""
        number = whole_number("cur_id", cur_id)
        if not 0 <= number < len(self):
            raise ConfigError(f"cur_id: expected a number from 0 to {len(self) - 1:,}, got {number}")
        return self[number]

    @checked
    def decode(self, cur_ids: Iterable[int]) -> str:
        """Return the words with these ids, with spaces between them."""
        return " ".join(map(self.id_to_word, cur_ids))

    @checked
    def encode(self, sentence: str | Iterable[str], reverse: bool = False, split: bool = True) -> np.ndarray:
        """Return the ids (n_tokens + 2,) int32 of a sentence with its markers.

        Args:
            sentence: a plain string, which is split on whitespace, or without ``split`` a list of tokens.
            reverse: whether the tokens are in reverse order, so that the markers are exchanged.
            split: see ``sentence``.
        """
        words = [BOS, *_tokens(sentence, split), EOS]
        if reverse:
            words[0], words[-1] = EOS, BOS
        return np.array([self.id_of(word) for word in words], dtype=np.int32)


class UnicodeCharsVocabulary(Vocabulary):
    """A vocabulary that also knows the characters of words.

    Args:
        filename: see :class:`Vocabulary`.
        max_word_length: number C of character ids per word.
        validate_file: has no effect.

    Raises:
        VocabularyError: see :class:`Vocabulary`.
        ConfigError: if ``max_word_length`` is less than 3.
    """

    @checked
    def __init__(self, filename: str | Path, max_word_length: int, validate_file: bool = False) -> None:
        super().__init__(filename)
        self.max_word_length = whole_number(
            "max_word_length", max_word_length, least=_LEAST_CHARACTERS, most=LARGEST_DIM
        )
        self._indexer = CharacterIndexer(self.max_word_length)

    @property
    def word_char_ids(self) -> np.ndarray:
        """The ids of the characters of all words, (size, C) int32."""
        return self._indexer.rows(self.words).astype(np.int32)

    @checked
    def word_to_char_ids(self, word: str) -> np.ndarray:
        """Return the ids (C,) int32 of a word's characters, from 0 to 260, without an id for padding."""
        ids: np.ndarray = self._indexer.rows([word])[0].astype(np.int32)
        return ids

    @checked
    def encode_chars(
        self, sentence: str | Iterable[str], reverse: bool = False, split: bool = True
    ) -> np.ndarray:
        """Return the ids (n_tokens + 2, C) int32 of a sentence's characters; see :meth:`encode`."""
        words = [BOS, *_tokens(sentence, split), EOS]
        if reverse:
            words[0], words[-1] = EOS, BOS
        return self._indexer.rows(words).astype(np.int32)


@checked
def load_vocab(vocab_file: str | Path, max_word_length: int | None = None) -> Vocabulary:
    """Read a vocabulary file.

    Args:
        vocab_file: one word per line, ``<S>``, ``</S>`` and ``<UNK>`` first.
        max_word_length: number of character ids per word; None for a vocabulary without characters. The model
            has that of its options.

    Raises:
        VocabularyError: if a line is not a word, or a marker is missing.
        ConfigError: if ``max_word_length`` is less than 3.
    """
    if max_word_length is None:
        return Vocabulary(vocab_file)
    return UnicodeCharsVocabulary(vocab_file, max_word_length)


def _tokens(sentence: str | Iterable[str], split: bool) -> list[str]:
    return sentence.split() if split and isinstance(sentence, str) else strings("sentence", sentence)
