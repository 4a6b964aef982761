"""Split punctuation from words, for text that is not tokenized."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_OPENING = re.compile(r"^([(\[{\"“”„«»‘'¿¡<]+)(?=.*\w)")
_CLOSING = re.compile(r"(?<=\w)([.,!?;:)\]}\"”“»’'…>。，！？]+)$")
_CLITIC = re.compile(r"(?i)^(.*\w)(n['’]t|['’](?:s|re|ve|ll|d|m))$")
_ABBREVIATION = re.compile(r"^(?:\w\.)+$|^(?:\w+\.)+\w+$|^\d+[.,:]\d+$|^&\w+;$")
_PROSE = re.compile(r"\w[.,!?;:)\]]$|^[(\[]\w|^[\"“]\w|\w[\"”]$")


def looks_untokenized(tokens: Sequence[str]) -> bool:
    """Return whether punctuation sticks to the words of a text, which is split at whitespace."""
    return any(_PROSE.search(token) and not _ABBREVIATION.match(token) for token in tokens)


def split_words(tokens: Sequence[str], is_known: Callable[[str], bool] = lambda word: False) -> list[str]:
    """Split punctuation from words, and clitics such as ``n't`` as in the Penn Treebank.

    Args:
        tokens: words split at whitespace.
        is_known: whether the vocabulary has a word; such words stay whole, for example ``Mr.`` in many.
            Clitics are split off only if the vocabulary has them.
    """
    return [part for token in tokens for part in _split(token, is_known)]


def _split(token: str, is_known: Callable[[str], bool]) -> list[str]:
    if is_known(token) or _ABBREVIATION.match(token):
        return [token]
    before: list[str] = []
    after: list[str] = []
    if match := _OPENING.match(token):
        before = list(match[1])
        token = token[match.end() :]
    while not (is_known(token) or _ABBREVIATION.match(token)) and (match := _CLOSING.search(token)):
        marks = match[1]
        # Three dots are one token.
        parts = [marks] if set(marks) == {"."} else list(marks)
        after = parts + after
        token = token[: match.start()]
    if not is_known(token) and (match := _CLITIC.match(token)) and is_known(match[2].replace("’", "'")):
        return [*before, match[1], match[2].replace("’", "'"), *after]
    return [*before, token, *after]
