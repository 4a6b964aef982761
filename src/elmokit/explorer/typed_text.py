"""Sentences as people type or paste them."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple, TypeAlias

Sentences: TypeAlias = tuple[tuple[str, ...], ...]

MAX_TOKENS = 400
"""Maximum number of tokens on the page: a larger map is unreadable, and too slow to follow a slider."""
_MAX_CHARACTERS = 30  # per displayed word
_INVISIBLE = ("Cc", "Cs")  # Unicode categories of control characters and of halves of surrogate pairs


class TypedText(NamedTuple):
    """The part of a text that the page shows."""

    sentences: Sentences
    """Tokenized sentences, at least one token each."""
    note: str
    """One line that says what was left out; empty if nothing was."""


def read_typed(text: str) -> TypedText:
    """Split a text into sentences and tokens, up to the number of tokens that a page can show.

    Args:
        text: one sentence per line, tokens separated by whitespace; empty lines are ignored.
    """
    # A browser can send half a surrogate pair, which no encoding can represent.
    readable = text.encode("utf-8", "replace").decode("utf-8")
    lines = (tuple(line.split()) for line in readable.split("\n"))
    found = [tokens for tokens in lines if tokens]
    kept: list[tuple[str, ...]] = []
    num_left = MAX_TOKENS
    for tokens in found:
        if not num_left:
            break
        kept.append(tokens[:num_left])
        num_left -= len(kept[-1])
    num_tokens = sum(map(len, found))
    if num_tokens <= MAX_TOKENS:
        return TypedText(tuple(kept), "")
    return TypedText(tuple(kept), f"Only the first {MAX_TOKENS:,} of {num_tokens:,} tokens are shown.")


def displayed_word(word: str) -> str:
    """Return a word as the page displays it: cut to a maximum length, invisible characters marked."""
    cut = word if len(word) <= _MAX_CHARACTERS else word[: _MAX_CHARACTERS - 1] + "…"
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _INVISIBLE else c for c in cut)
