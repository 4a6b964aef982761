"""Sentences as people type or paste them."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple, TypeAlias

Sentences: TypeAlias = tuple[tuple[str, ...], ...]

MOST_TOKENS = 400
"""That one page shows: more could neither be read on the map nor be followed by it as a slider moves."""
_LONGEST_SHOWN = 30  # characters
_UNSEEN = ("Cc", "Cs")  # control characters and halves of surrogate pairs
_UNSHOWN = "\N{REPLACEMENT CHARACTER}"


class TypedText(NamedTuple):
    """What is shown of a text."""

    sentences: Sentences
    """Of one token at least."""
    note: str
    """What was left out, in one line; empty where nothing was."""


def read_typed(text: str) -> TypedText:
    """Split a text into lines and tokens, as far as a page can show them.

    Args:
        text: one sentence a line, tokens separated by white space; lines may be empty.
    """
    # Half a surrogate pair, which a browser can send, is no character that any encoding has.
    readable = text.encode("utf-8", "replace").decode("utf-8")
    lines = (tuple(line.split()) for line in readable.split("\n"))
    found = [tokens for tokens in lines if tokens]
    kept: list[tuple[str, ...]] = []
    room = MOST_TOKENS
    for tokens in found:
        if not room:
            break
        kept.append(tokens[:room])
        room -= len(kept[-1])
    num_tokens = sum(map(len, found))
    if num_tokens <= MOST_TOKENS:
        return TypedText(tuple(kept), "")
    return TypedText(tuple(kept), f"Only the first {MOST_TOKENS:,} of {num_tokens:,} tokens are shown.")


def shown_word(word: str) -> str:
    """A word as there is room for it, with a mark for what cannot be seen."""
    cut = word if len(word) <= _LONGEST_SHOWN else word[: _LONGEST_SHOWN - 1] + "…"
    return "".join(_UNSHOWN if unicodedata.category(c) in _UNSEEN else c for c in cut)
