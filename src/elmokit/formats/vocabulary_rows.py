"""The vocabulary beside foreign weights, and the rows that it gives their tensors.

Published vocabularies put their special tokens in an order of their own. A model here always has
``<S>``, ``</S>``, ``<UNK>`` first, so the rows of its tensors follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from elmokit.config import ModelConfig
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ElmokitError, ModelFileError

_ROWS_ARE_WORDS = ("encoder.weight", "softmax.weight", "softmax.bias")


class VocabularyRows(NamedTuple):
    """A vocabulary, if there is a good one, and each of its words' row in the weights."""

    vocabulary: Vocabulary | None
    rows: list[int] | None
    fault: str | None
    """Why the vocabulary that lies there is not used."""


def read_vocabulary(
    path: Path | None, num_words: int | None, where: str, config: ModelConfig
) -> VocabularyRows:
    """Read the vocabulary of foreign weights.

    Words that are spelled need no vocabulary, so a bad one is no reason not to embed: it is left out
    and its fault is kept, for those who want to predict words.

    Args:
        path: one word a line; None where there is no such file.
        num_words: V of the weights, where they tell.
        where: V stands, for the fault.
        config: of the model.

    Raises:
        ModelFileError: when the vocabulary is bad and the words are not spelled.
    """
    if path is None:
        return VocabularyRows(None, None, None)
    try:
        vocabulary, rows = Vocabulary.load_in_any_order(path)
    except ElmokitError as error:
        fault = str(error)
    else:
        if num_words is None or len(vocabulary) == num_words:
            return VocabularyRows(vocabulary, rows, None)
        fault = f"{path}: {len(vocabulary)} words, {where}"
    if config.char_cnn is None:
        raise ModelFileError(fault)
    return VocabularyRows(None, None, fault)


def with_rows(tensors: Mapping[str, Tensor], rows: list[int] | None) -> dict[str, Tensor]:
    """Parameters whose rows are words, in the order of our ids."""
    if rows is None or rows == list(range(len(rows))):
        return dict(tensors)
    return {name: tensor[rows] if name in _ROWS_ARE_WORDS else tensor for name, tensor in tensors.items()}
