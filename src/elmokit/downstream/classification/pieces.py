"""Texts as pieces of bounded length, so that a document of any length needs bounded memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from elmokit.data.sentences import tokens_of

_WORD_OR_MARK = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Pieces:
    """The pieces of N texts, one after the other."""

    sentences: list[list[str]]
    """P lists of tokens; a text without tokens has one empty piece."""
    text_of: np.ndarray
    """(P,) index of the text that each piece belongs to."""
    num_texts: int

    @property
    def lengths(self) -> np.ndarray:
        """(P,) number of tokens of each piece."""
        return np.array([len(sentence) for sentence in self.sentences], dtype=np.int64)

    @property
    def weights(self) -> np.ndarray:
        """(P,) share of its text that each piece is; those of a text sum to 1."""
        lengths = np.maximum(self.lengths, 1).astype(np.float64)
        totals = np.bincount(self.text_of, weights=lengths, minlength=self.num_texts)
        shares: np.ndarray = lengths / totals[self.text_of]
        return shares

    def averaged(self, values: np.ndarray) -> np.ndarray:
        """Return (N, K) the weighted average over the pieces of each text, of values (P, K)."""
        result = np.zeros((self.num_texts, values.shape[1]))
        np.add.at(result, self.text_of, values * self.weights[:, None])
        return result


def cut_into_pieces(
    texts: Sequence[str | Sequence[str]],
    max_tokens: int,
    tokenize: Literal["whitespace", "punctuation"] = "whitespace",
) -> Pieces:
    """Tokenize texts and cut them.

    Args:
        texts: plain strings, or lists of tokens, which are taken as they are.
        max_tokens: longest piece.
        tokenize: how strings are split: at whitespace, or between words and marks, too.

    Raises:
        ElmokitError: if a text is something else.
    """
    sentences, text_of = [], []
    for number, text in enumerate(texts):
        if isinstance(text, str) and tokenize == "punctuation":
            tokens = _WORD_OR_MARK.findall(text)
        else:
            tokens = tokens_of(text, f"texts[{number}]")
        for start in range(0, max(len(tokens), 1), max_tokens):
            sentences.append(tokens[start : start + max_tokens])
            text_of.append(number)
    return Pieces(sentences, np.array(text_of, dtype=np.int64), len(texts))
