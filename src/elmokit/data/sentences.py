"""Sentences as lists of tokens, and what is wrong with those that are not."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from elmokit.errors import ElmokitError

_MISSING = ("None", "nan", "<NA>", "NaT")  # missing values of Python, NumPy and pandas, as text


def tokenized(sentences: Iterable[str | Sequence[str]], name: str = "sentences") -> Iterator[list[str]]:
    """Return sentences as lists of tokens; plain strings are split on whitespace.

    Args:
        sentences: lists of tokens or plain strings; any iterable, such as a column of a table.
        name: what messages call the sentences.

    Raises:
        ElmokitError: if ``sentences`` is a single string or a table, or, once it is reached, if a sentence or
            a token is something else. The message has its position.
    """
    if isinstance(sentences, str):
        raise ElmokitError(
            f"expected a list of sentences, got the single string {sentences[:40]!r}: put it in a list"
        )
    if not _is_list(sentences):
        raise ElmokitError(f"{name}: expected a list of sentences, got {_described(sentences)}")
    return (tokens_of(sentence, f"{name}[{number}]") for number, sentence in enumerate(sentences))


def tokens_of(sentence: str | Iterable[str], name: str = "sentence") -> list[str]:
    """Return a sentence as a list of tokens; a plain string is split on whitespace.

    Args:
        sentence: a list of tokens or a plain string.
        name: what messages call the sentence.

    Raises:
        ElmokitError: if it is something else; the message has the position.
    """
    return sentence.split() if isinstance(sentence, str) else list_of_words(sentence, name)


def list_of_words(words: Iterable[str], name: str = "words") -> list[str]:
    """Return words as a list; each of them must be a string.

    Args:
        words: any iterable of strings, but not a single string.
        name: what messages call the words.

    Raises:
        ElmokitError: if they are something else; the message has the position.
    """
    if isinstance(words, str) or not _is_list(words):
        raise ElmokitError(f"{name}: expected a list of tokens, got {_described(words)}")
    found = list(words)
    for position, word in enumerate(found):
        if not isinstance(word, str):
            raise ElmokitError(f"{name}[{position}]: expected a string, got {_described(word)}")
    return found


def _is_list(value: Any) -> bool:
    """Whether the items of ``value`` are ordered values: not keys, columns or bytes."""
    return (
        isinstance(value, Iterable)
        and not isinstance(value, bytes | bytearray | memoryview | Mapping | Set)
        and not _is_table(value)
        and getattr(value, "ndim", 1) > 0  # an array of no dimensions claims to be iterable
    )


def _is_table(value: Any) -> bool:
    return hasattr(value, "columns") or hasattr(value, "column_names")


def _described(value: Any) -> str:
    """Return the type and the value, with what to do about it, on one line."""
    kind = type(value).__name__
    if isinstance(value, Mapping) or _is_table(value):
        return f"a {kind}: pass one column of it, such as data['text']"
    if isinstance(value, Set):
        return f"a {kind}, which has no order: pass a list"
    shown = " ".join(textwrap.shorten(repr(value), 60, placeholder=" …").split())
    text = f"the {kind} {shown}" if value is not None else "None"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{text}: decode it to a string"
    if str(value) in _MISSING:
        return f"{text}: leave missing values out, or replace them by empty strings"
    return text
