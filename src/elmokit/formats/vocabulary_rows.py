"""The vocabulary beside weights of other tools, and the row of each of its words in their tensors.

Published vocabularies have their special tokens in an order of their own. Here ``<S>``, ``</S>``, ``<UNK>``
always come first, so the rows of the tensors are reordered accordingly.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from elmokit.config import ModelConfig
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ElmokitError, ModelFileError, UnreachableWordsWarning

_MAX_LISTED = 5


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

    Warns:
        UnreachableWordsWarning: as :func:`warn_of_unreachable`.
    """
    if path is None:
        return VocabularyRows(None, None, None)
    try:
        vocabulary, rows = Vocabulary.load_in_any_order(path, num_words)
    except ElmokitError as error:
        problem = str(error)
    else:
        if num_words is None or len(vocabulary) == num_words:
            if num_words is not None:
                warn_of_unreachable(vocabulary, path, rows)
            return VocabularyRows(vocabulary, rows, None)
        problem = f"{path}: {len(vocabulary)} words, {size_source}"
    if config.char_cnn is None:
        raise ModelFileError(problem)
    return VocabularyRows(None, None, problem)


def warn_of_unreachable(vocabulary: Vocabulary, path: Path, rows: Sequence[int] | None = None) -> None:
    """Warn of words that are never looked up: those that no token can match, and repeated ones.

    Args:
        vocabulary: of a model.
        path: its file, for the message.
        rows: the row of each word in the file; None when it is the word's id.

    Warns:
        UnreachableWordsWarning: if there are any.
    """
    ids = vocabulary.unreachable
    if not ids:
        return
    lines = [f"row {word_id if rows is None else rows[word_id]} ({vocabulary[word_id]!r})" for word_id in ids]
    more = f" and {len(ids) - _MAX_LISTED} more" if len(ids) > _MAX_LISTED else ""
    warnings.warn(
        f"{path}: blank, repeated or with white space: {', '.join(lines[:_MAX_LISTED])}{more}: kept as rows "
        "of the model, but never looked up",
        UnreachableWordsWarning,
        stacklevel=2,
    )
