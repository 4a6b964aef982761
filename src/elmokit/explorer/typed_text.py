"""Sentences as people type or paste them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from elmokit.explorer.word_splitting import looks_untokenized, split_words

Sentences: TypeAlias = tuple[tuple[str, ...], ...]

MAX_TOKENS = 400
"""Maximum number of tokens on the page: a larger map is unreadable, and too slow to follow a slider."""


class TypedText(NamedTuple):
    """The part of a text that the page shows."""

    sentences: Sentences
    """Tokenized sentences, at least one token each."""
    note: str
    """What was done to the text and what was left out; empty if nothing was."""
    is_split: bool = False
    """Whether punctuation was split from words."""


def read_typed(
    text: str,
    split: bool | None = False,
    is_known: Callable[[str], bool] = lambda word: False,
    max_tokens: int = MAX_TOKENS,
) -> TypedText:
    """Split a text into sentences and tokens, up to the number of tokens that a page can show.

    Args:
        text: one sentence per line, tokens separated by whitespace; empty lines are ignored.
        split: whether to split punctuation from words; None to do so if the text looks like it.
        is_known: whether the vocabulary has a word.
        max_tokens: number of tokens that are kept.
    """
    # A browser can send half a surrogate pair, which no encoding can represent.
    readable = text.encode("utf-8", "replace").decode("utf-8")
    lines = (tuple(line.split()) for line in readable.split("\n"))
    found = [tokens for tokens in lines if tokens]
    notes = []
    is_split = split
    if is_split is None:
        is_split = any(looks_untokenized(tokens) for tokens in found)
        if is_split:
            notes.append("The text looks untokenized: punctuation was split from words.")
    if is_split:
        found = [tuple(split_words(tokens, is_known)) for tokens in found]
    kept: list[tuple[str, ...]] = []
    num_left = max_tokens
    for tokens in found:
        if not num_left:
            break
        kept.append(tokens[:num_left])
        num_left -= len(kept[-1])
    num_tokens = sum(map(len, found))
    if num_tokens > max_tokens:
        notes.append(f"Only the first {max_tokens:,} of {num_tokens:,} tokens are shown.")
    return TypedText(tuple(kept), " ".join(notes), is_split)
