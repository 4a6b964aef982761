"""Sentences as character ids, the input of the ELMo layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from elmokit.data.padded_char_ids import padded_char_ids
from elmokit.data.sentences import tokenized

_NUM_CHARACTERS = 50  # as in every published model


def batch_to_ids(batch: Iterable[str | Sequence[str]]) -> Tensor:
    """Convert sentences to character ids, like AllenNLP's function of the same name.

    Args:
        batch: B lists of tokens, or plain strings, which are split on whitespace.

    Returns:
        (B, T, 50) int64, where T is the length of the longest sentence. Each id is one more than its
        character symbol; 0 is padding.

    Raises:
        ElmokitError: if ``batch`` is a single string, or a sentence or token is not a string.
    """
    sentences = list(tokenized(batch, "batch"))
    num_steps = max((len(sentence) for sentence in sentences), default=0)
    return torch.from_numpy(padded_char_ids(sentences, _NUM_CHARACTERS, num_steps=num_steps))
