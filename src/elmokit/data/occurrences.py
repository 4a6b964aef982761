"""Occurrences of words in sentences."""

from __future__ import annotations

import difflib
import textwrap
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from elmokit.arguments import checked, whole_number
from elmokit.data.sentences import tokenized
from elmokit.errors import ConfigError, ElmokitError


@dataclass(frozen=True)
class Occurrence:
    """A word at a position in a sentence."""

    sentence: tuple[str, ...]
    """The tokens of the sentence."""
    sentence_index: int
    """Index of the sentence in its text, from 0."""
    position: int
    """Index of the word in the sentence, from 0."""

    def __repr__(self) -> str:
        shown = textwrap.shorten(self.bracketed(5), 100, placeholder=" …")
        return f"Occurrence({shown!r}, sentence_index={self.sentence_index}, position={self.position})"

    @property
    def word(self) -> str:
        """The word itself."""
        return self.sentence[self.position]

    def bracketed(self, width: int | None = None) -> str:
        """Return the sentence with the word in brackets.

        Args:
            width: number of tokens to keep on either side; the whole sentence by default.
        """
        start = 0 if width is None else max(0, self.position - width)
        stop = None if width is None else self.position + 1 + width
        left = self.sentence[start : self.position]
        right = self.sentence[self.position + 1 : stop]
        return " ".join([*left, f"[{self.word}]", *right])

    @property
    def number(self) -> int:
        """Deprecated name of :attr:`sentence_index`."""
        warnings.warn("Occurrence.number is deprecated: use sentence_index", DeprecationWarning, stacklevel=2)
        return self.sentence_index

    def shown(self, width: int | None = None) -> str:
        """Deprecated name of :meth:`bracketed`."""
        warnings.warn("Occurrence.shown is deprecated: use bracketed", DeprecationWarning, stacklevel=2)
        return self.bracketed(width)


def position_of(tokens: Sequence[str], word: str | int) -> int:
    """Return the position of a word in a sentence.

    Args:
        tokens: the sentence.
        word: a token, of which the first occurrence counts, or a position, from the end if negative.

    Raises:
        ConfigError: if the sentence has no such token or position.
    """
    if isinstance(word, str):
        if word not in tokens:
            raise ConfigError(f"word {word}: not a token of the sentence: {' '.join(tokens)}")
        return tokens.index(word)
    word = whole_number("word", word)
    if not -len(tokens) <= word < len(tokens):
        raise ConfigError(
            f"word: expected a position from 0 to {len(tokens) - 1}, got {word}"
            if tokens
            else "word: the sentence has no tokens"
        )
    return word % len(tokens)


@checked
def find_occurrences(
    sentences: Iterable[str | Sequence[str]], words: Collection[str] = ()
) -> list[Occurrence]:
    """Find the occurrences of words in a text, in text order.

    Args:
        sentences: lists of tokens, or plain strings, which are split on whitespace.
        words: the words to find; all words by default.

    Raises:
        ElmokitError: if ``sentences`` is a single string, or nothing is found.
    """
    wanted = frozenset(words)
    occurrences: list[Occurrence] = []
    seen: set[str] = set()  # for a message
    for sentence_index, sentence in enumerate(map(tuple, tokenized(sentences))):
        occurrences += [
            Occurrence(sentence, sentence_index, position)
            for position, word in enumerate(sentence)
            if not wanted or word in wanted
        ]
        if not occurrences:
            seen.update(sentence)
    if not occurrences:
        raise ElmokitError(
            f"none of the words occurs in the text: {', '.join(sorted(wanted))}{_nearest(wanted, seen)}"
            if wanted
            else "the text has no words"
        )
    return occurrences


def _nearest(wanted: Collection[str], seen: Collection[str]) -> str:
    """Return a question for words of a text that were perhaps meant; empty if there are none."""
    found = [match for word in sorted(wanted) for match in difflib.get_close_matches(word, sorted(seen), n=1)]
    return f": did you mean {', '.join(found)}?" if found else ""


def sample_occurrences(occurrences: list[Occurrence], max_occurrences: int, seed: int) -> list[Occurrence]:
    """Return at most ``max_occurrences`` random occurrences, in their original order.

    The same seed gives the same sample.
    """
    if len(occurrences) <= max_occurrences:
        return occurrences
    chosen = np.random.default_rng(seed).choice(len(occurrences), max_occurrences, replace=False)
    return [occurrences[index] for index in np.sort(chosen)]


def sample_words(
    sentences: Iterable[str | Sequence[str]], max_words: int, seed: int
) -> tuple[list[Occurrence], int]:
    """Return at most ``max_words`` words of a text, in text order, and how many words the text has.

    If there are more, all words of random sentences are returned, of the last one perhaps a part: a model
    then reads only so many words, instead of a sentence for each. The same seed gives the same words.

    Args:
        sentences: lists of tokens, or plain strings, which are split on whitespace.
        max_words: maximum number of words.
        seed: random seed.

    Raises:
        ElmokitError: if ``sentences`` is a single string, or has no words.
    """
    tokens = list(map(tuple, tokenized(sentences)))
    total = sum(map(len, tokens))
    if total <= max_words:
        return find_occurrences(tokens), total
    left, chosen = max_words, {}
    for index in np.random.default_rng(seed).permutation(len(tokens)).tolist():
        chosen[index] = min(left, len(tokens[index]))
        left -= chosen[index]
        if not left:
            break
    return [
        Occurrence(tokens[index], index, position)
        for index in sorted(chosen)
        for position in range(chosen[index])
    ], total
