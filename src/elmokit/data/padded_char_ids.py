"""Sentences as one array of character ids, in the numbering of bilm-tf and AllenNLP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.data.indexers import CharacterIndexer


def padded_char_ids(sentences: Sequence[Sequence[str]], max_characters: int, *, num_steps: int) -> np.ndarray:
    """Return the character ids (B, T, C) of sentences, int64.

    Args:
        sentences: B lists of tokens, with sentence markers if they are wanted.
        max_characters: C.
        num_steps: T, at least the length of the longest sentence.

    Returns:
        Each id is one more than its character symbol; 0 is padding.
    """
    ids = np.zeros((len(sentences), num_steps, max_characters), dtype=np.int64)
    indexer = CharacterIndexer(max_characters)
    for row, sentence in zip(ids, sentences, strict=True):
        row[: len(sentence)] = indexer.rows(sentence) + 1
    return ids
