"""Uses of words in their sentences, and their vectors."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from elmokit.embedder import ElmoEmbedder, Layers, tokenized
from elmokit.errors import ConfigError, ElmokitError


@dataclass(frozen=True)
class Use:
    """A word at its place in a sentence."""

    sentence: tuple[str, ...]
    """The tokens."""
    number: int
    """Of the sentence in its text, from 0."""
    position: int
    """Of the word in the sentence, from 0."""

    @property
    def word(self) -> str:
        """The word itself."""
        return self.sentence[self.position]

    def shown(self, width: int | None = None) -> str:
        """The sentence with the word in brackets.

        Args:
            width: tokens on either side; the whole sentence by default.
        """
        start = 0 if width is None else max(0, self.position - width)
        stop = None if width is None else self.position + 1 + width
        left = self.sentence[start : self.position]
        right = self.sentence[self.position + 1 : stop]
        return " ".join([*left, f"[{self.word}]", *right])


def position_of(tokens: Sequence[str], word: str | int) -> int:
    """Where a word stands in a sentence.

    Args:
        tokens: of the sentence.
        word: its first occurrence; or its place, from 0, from the end if negative.

    Raises:
        ConfigError: when there is no such word or place.
    """
    if isinstance(word, str):
        if word not in tokens:
            raise ConfigError(f"word {word}: not a token of the sentence: {' '.join(tokens)}")
        return tokens.index(word)
    if not -len(tokens) <= word < len(tokens):
        raise ConfigError(
            f"word: expected a place from 0 to {len(tokens) - 1}, got {word}"
            if tokens
            else "word: the sentence has no token"
        )
    return word % len(tokens)


def find_uses(sentences: Iterable[str | Sequence[str]], words: Collection[str] = ()) -> list[Use]:
    """The uses of words in a text, in its order.

    Args:
        sentences: lists of tokens, or plain strings, which are split on white space.
        words: the words to find; all by default.

    Raises:
        ElmokitError: when ``sentences`` is a single string, or no word is left.
    """
    wanted = frozenset(words)
    uses = [
        Use(sentence, number, place)
        for number, sentence in enumerate(map(tuple, tokenized(sentences)))
        for place, word in enumerate(sentence)
        if not wanted or word in wanted
    ]
    if not uses:
        raise ElmokitError(
            f"none of the words occurs in the text: {', '.join(sorted(wanted))}"
            if wanted
            else "the text has no words"
        )
    return uses


def sample_uses(uses: list[Use], most: int, seed: int) -> list[Use]:
    """At most so many uses, chosen at random by the seed; in their order."""
    if len(uses) <= most:
        return uses
    chosen = np.random.default_rng(seed).choice(len(uses), most, replace=False)
    return [uses[place] for place in np.sort(chosen)]


def vectors_of(
    embedder: ElmoEmbedder,
    uses: Sequence[Use],
    layers: Layers = "all",
    *,
    on_sentences: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The vectors of uses; only those take memory, and only their sentences are embedded.

    Args:
        embedder: the model.
        uses: one or more, those of a sentence one after the other.
        layers: as in :meth:`ElmoEmbedder.embed`.
        on_sentences: told how many sentences have been embedded, of how many.

    Returns:
        (L, N, D) for all layers, else (N, D); float32.

    Raises:
        ConfigError: when there is no such layer.
    """
    of_sentences = [list(group) for _, group in itertools.groupby(uses, key=lambda use: use.number)]
    embedded = embedder.iter_embed((group[0].sentence for group in of_sentences), layers)
    kept: list[np.ndarray] = []
    for group, vectors in zip(of_sentences, embedded, strict=True):
        kept.append(vectors[..., [use.position for use in group], :])
        if on_sentences is not None:
            on_sentences(len(kept), len(of_sentences))
    return np.concatenate(kept, axis=-2)
