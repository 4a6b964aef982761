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


@dataclass(frozen=True)
class UsesInContext:
    """Uses of words and their contextual vectors."""

    uses: list[Use]
    """N of them, in the order of the text."""
    vectors: np.ndarray
    """(L, N, D) for all layers, else (N, D); float32."""
    num_found: int
    """Uses in the text; more than N where only some were to be kept."""


def uses_in_context(
    embedder: ElmoEmbedder,
    sentences: Iterable[str | Sequence[str]],
    layers: Layers = "all",
    *,
    words: Collection[str] = (),
    max_uses: int | None = None,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> UsesInContext:
    """Embed sentences and keep the vectors of their words.

    Only sentences with a use that is kept are embedded, and only its vectors take memory, so a long text may
    be searched for some words.

    Args:
        embedder: the model.
        sentences: lists of tokens, or plain strings, which are split on white space.
        layers: as in :meth:`ElmoEmbedder.embed`.
        words: the words to keep; all by default.
        max_uses: so many uses at most, chosen at random; all by default.
        seed: of that choice.
        on_progress: told the share of the sentences that are embedded, from 0 to 1.

    Raises:
        ConfigError: when there is no such layer.
        ElmokitError: when ``sentences`` is a single string, or no word is left.
    """
    wanted = frozenset(words)
    found = [tuple(sentence) for sentence in tokenized(sentences)]
    uses = [
        Use(sentence, number, place)
        for number, sentence in enumerate(found)
        for place, word in enumerate(sentence)
        if not wanted or word in wanted
    ]
    if not uses:
        raise ElmokitError(
            f"none of the words occurs in the text: {', '.join(sorted(wanted))}"
            if wanted
            else "the text has no words"
        )
    num_found = len(uses)
    if max_uses is not None and max_uses < num_found:
        chosen = np.random.default_rng(seed).choice(num_found, max_uses, replace=False)
        uses = [uses[k] for k in np.sort(chosen)]
    by_sentence = [list(own) for _, own in itertools.groupby(uses, key=lambda use: use.number)]
    embedded = embedder.iter_embed([own[0].sentence for own in by_sentence], layers)
    kept = []
    for own, vectors in zip(by_sentence, embedded, strict=True):
        kept.append(vectors[..., [use.position for use in own], :])
        if on_progress is not None:
            on_progress(len(kept) / len(by_sentence))
    return UsesInContext(uses, np.concatenate(kept, axis=-2), num_found)
