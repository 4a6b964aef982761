"""The vocabulary beside weights of other tools, and the row of each of its words in their tensors.

Published vocabularies have their special tokens in an order of their own. Here ``<S>``, ``</S>``, ``<UNK>``
always come first, so the rows of the tensors are reordered accordingly.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from elmokit.config import ModelConfig
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ElmokitError, ModelFileError


class VocabularyRows(NamedTuple):
    """A vocabulary, unless it is missing or unusable, and the row of each of its words in the weights."""

    vocabulary: Vocabulary | None
    rows: list[int] | None
    problem: str | None
    """Why the vocabulary that was found is not used."""


def read_vocabulary(
    path: Path | None, num_words: int | None, size_source: str, config: ModelConfig
) -> VocabularyRows:
    """Read the vocabulary of weights of other tools.

    A character model can embed without a vocabulary. So a bad one is not an error there: it is left out, and
    the problem is kept for those who want to predict words.

    Args:
        path: the vocabulary, one word per line; None when there is no such file.
        num_words: V of the weights, if known.
        size_source: what ``num_words`` was read from, for the message, e.g. ``n_tokens_vocab=8``.
        config: the geometry of the model.

    Raises:
        ModelFileError: when the vocabulary is bad and the model has word embeddings.
    """
    if path is None:
        return VocabularyRows(None, None, None)
    try:
        vocabulary, rows = Vocabulary.load_in_any_order(path)
    except ElmokitError as error:
        problem = str(error)
    else:
        if num_words is None or len(vocabulary) == num_words:
            return VocabularyRows(vocabulary, rows, None)
        problem = f"{path}: {len(vocabulary)} words, {size_source}"
    if config.char_cnn is None:
        raise ModelFileError(problem)
    return VocabularyRows(None, None, problem)
