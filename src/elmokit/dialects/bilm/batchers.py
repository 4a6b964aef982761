"""Sentences as arrays of character or word ids."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from elmokit.arguments import checked, whole_number
from elmokit.data.padded_char_ids import padded_char_ids
from elmokit.data.read import read_lines
from elmokit.data.sentences import tokenized
from elmokit.data.vocabulary import BOS, EOS, UNK
from elmokit.errors import VocabularyError

NUM_MARKERS = 2
"""Number of tokens that mark the begin and the end of a sentence."""

_NO_ID = -1
_IGNORED = "!!!MAXTERMID"  # bilm-tf skips this line too


class Batcher:
    """Converts sentences to arrays of character ids.

    Args:
        lm_vocab_file: has no effect and is not read, because the ids depend only on the characters.
        max_token_length: number C of character ids per word.

    Raises:
        ConfigError: if ``max_token_length`` is less than 3.
    """

    @checked
    def __init__(self, lm_vocab_file: str | Path | None, max_token_length: int) -> None:
        self._max_token_length = whole_number("max_token_length", max_token_length, least=3)

    def __repr__(self) -> str:
        return f"Batcher(max_token_length={self._max_token_length})"

    def batch_sentences(self, sentences: Iterable[str | Sequence[str]]) -> np.ndarray:
        """Convert B lists of tokens, or plain strings, which are split on whitespace.

        Returns:
            (B, T, C) int64, where T is the length of the longest sentence with ``<S>`` and ``</S>``. Each id
            is one more than its character symbol; 0 is padding.
        """
        rows = list(tokenized(sentences))
        marked = [[BOS, *sentence, EOS] for sentence in rows]
        return padded_char_ids(marked, self._max_token_length, num_steps=_num_steps(rows))


class TokenBatcher:
    """Converts sentences to arrays of word ids.

    Args:
        lm_vocab_file: a file with one word per line. The id of a word is its line number, or the last one if
            the word occurs twice. A line ``!!!MAXTERMID`` does not count.

    Raises:
        VocabularyError: if ``<S>`` or ``</S>`` is missing; bilm-tf would use padding instead.
        TextError: if the file cannot be read.
    """

    @checked
    def __init__(self, lm_vocab_file: str | Path) -> None:
        self._file = lm_vocab_file
        self._ids = {word: line for line, word in enumerate(read_words(lm_vocab_file))}

    def __repr__(self) -> str:
        return f"TokenBatcher({str(self._file)!r}, {len(self._ids):,} words)"

    def batch_sentences(self, sentences: Iterable[str | Sequence[str]]) -> np.ndarray:
        """Convert B lists of tokens, or plain strings, which are split on whitespace.

        Returns:
            (B, T) int64, where T is the length of the longest sentence with ``<S>`` and ``</S>``. Each id is
            one more than the word's line number from 0; 0 is padding.

        Warns:
            UserWarning: if there are unknown words and the vocabulary has no ``<UNK>``. As in bilm-tf, they
                become padding, and their sentences lose a word.
        """
        unknown = self._ids.get(UNK, _NO_ID)
        rows = list(tokenized(sentences))
        ids = np.zeros((len(rows), _num_steps(rows)), dtype=np.int64)
        for row, sentence in zip(ids, rows, strict=True):
            for position, word in enumerate((BOS, *sentence, EOS)):
                row[position] = self._ids.get(word, unknown) + 1
        if unknown == _NO_ID:
            missing = sorted({word for sentence in rows for word in sentence} - self._ids.keys())
            if missing:
                words = ", ".join(map(repr, missing[:5]))
                warnings.warn(
                    f"{self._file}: no line is {UNK}, so unknown words ({words}) become padding as in "
                    f"bilm-tf, and their sentences lose a word: add {UNK} to the vocabulary",
                    stacklevel=2,
                )
        return ids


def read_words(path: str | Path) -> list[str]:
    """Read the words of a vocabulary file, whose line numbers are those of bilm-tf.

    Raises:
        VocabularyError: if ``<S>`` or ``</S>`` is missing.
        TextError: if the file cannot be read.
    """
    words = [word for line in read_lines(str(path)) if (word := line.strip()) != _IGNORED]
    missing = [marker for marker in (BOS, EOS) if marker not in words]
    if missing:
        raise VocabularyError(f"{path}: no line is {' or '.join(missing)}: not the vocabulary of a biLM")
    return words


def _num_steps(sentences: Sequence[Sequence[str]]) -> int:
    return max((len(sentence) for sentence in sentences), default=0) + NUM_MARKERS
