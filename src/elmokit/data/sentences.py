"""Sentences as lists of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from elmokit.errors import ElmokitError


def tokenized(sentences: Iterable[str | Sequence[str]]) -> Iterator[list[str]]:
    """Return sentences as lists of tokens; plain strings are split on whitespace.

    Raises:
        ElmokitError: if ``sentences`` is a single string.
    """
    if isinstance(sentences, str):
        raise ElmokitError(
            f"expected a list of sentences, got the single string {sentences[:40]!r}: put it in a list"
        )
    return (sentence.split() if isinstance(sentence, str) else list(sentence) for sentence in sentences)
