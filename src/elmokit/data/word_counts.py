"""Count the words of texts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from elmokit.data.read import no_token_error, read_sentences


@dataclass(frozen=True)
class WordCounts:
    """Word counts of a text, and its size."""

    counts: Counter[str]
    num_tokens: int
    num_sentences: int
    num_blank_lines: int


def count_words(
    paths: Sequence[str | os.PathLike[str]], on_bytes: Callable[[int], None] | None = None
) -> WordCounts:
    """Count the words of tokenized texts.

    Args:
        paths: Files, for example from :func:`elmokit.data.find.find_texts`.
        on_bytes: Called at intervals with the number of bytes read since the last call.

    Raises:
        TextError: If a text cannot be read, or there is no token in any of them.
    """
    counts: Counter[str] = Counter()
    num_tokens = num_sentences = num_blank_lines = 0
    for path in paths:
        for tokens in read_sentences(path, on_bytes):
            if tokens:
                counts.update(tokens)
                num_tokens += len(tokens)
                num_sentences += 1
            else:
                num_blank_lines += 1
    if not num_tokens:
        raise no_token_error(paths)
    return WordCounts(counts, num_tokens, num_sentences, num_blank_lines)
