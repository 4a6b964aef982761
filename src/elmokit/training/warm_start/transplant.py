"""Rows of words, transferred from one vocabulary to another.

Words of both vocabularies keep their rows; :func:`rows_of_new_words` initializes the others.
docs/incremental.md has the measurements behind the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.data.vocabulary import NUM_SPECIALS, UNK_ID, Vocabulary
from elmokit.embedder import ElmoEmbedder
from elmokit.model.char_cnn import CharCnn
from elmokit.pretrained import PretrainedModel

_RIDGE = 1.0


@dataclass(frozen=True)
class WordMatch:
    """The words that two vocabularies share."""

    old_ids: Tensor
    """(V,) int64: the id of each word of the new vocabulary in the old one; -1 if it is not there."""
    num_old: int
    """Number of words in the old vocabulary."""

    @classmethod
    def of(cls, old: Vocabulary, new: Vocabulary) -> WordMatch:
        """Look up every word of the new vocabulary in the old one."""
        ids = [old.id_of(word) if word in old else -1 for word in new.words]
        return cls(torch.tensor(ids, dtype=torch.int64), len(old))

    @property
    def is_new(self) -> Tensor:
        """(V,) bool: whether each word is missing from the old vocabulary."""
        return self.old_ids < 0

    @property
    def num_new(self) -> int:
        """Number of words that only the new vocabulary has."""
        return int(self.is_new.sum())

    @property
    def num_kept(self) -> int:
        """Number of words that both vocabularies have."""
        return len(self.old_ids) - self.num_new

    @property
    def num_dropped(self) -> int:
        """Number of words that only the old vocabulary has."""
        return self.num_old - self.num_kept

    @property
    def is_identity(self) -> bool:
        """Whether both vocabularies are the same list."""
        return self.num_dropped == 0 and torch.equal(self.old_ids, torch.arange(self.num_old))

    def transplant(self, old: Tensor, new_rows: Tensor | float) -> Tensor:
        """Return the rows of the new vocabulary.

        Args:
            old: (V_old, ...) rows of the old one.
            new_rows: (num_new, ...) rows of the new words, or one number for all of them.

        Returns:
            (V, ...).
        """
        rows = old[self.old_ids.clamp(min=0)]
        rows[self.is_new] = torch.as_tensor(new_rows, dtype=rows.dtype)
        return rows


def rows_of_new_words(name: str, source: PretrainedModel, vocabulary: Vocabulary, match: WordMatch) -> Tensor:
    """Return the initial rows of new words.

    - Word embeddings: the row of ``<UNK>``, which stood for these words so far.
    - Softmax weights of a character model: predicted from the new words' token vectors by a ridge regression
      from the old words' token vectors to their weights.
    - Softmax weights otherwise, and biases: the mean of the old words.

    Args:
        name: of the tensor.
        source: the earlier model.
        vocabulary: the new one.
        match: of both.

    Returns:
        (num_new, ...).
    """
    old = dict(source.model.named_parameters())[name].detach()
    if match.num_new == 0:
        return old[:0]
    if name == "softmax.weight" and isinstance(source.model.encoder, CharCnn):
        assert source.vocabulary is not None
        new_words = [vocabulary[word_id] for word_id in match.is_new.nonzero().flatten().tolist()]
        embedder = ElmoEmbedder(source)
        known = source.vocabulary.without_unreachable()
        rows = [source.vocabulary.id_of(word) for word in known.words]
        return _regression(
            _token_vectors(embedder, known.words), old[rows], _token_vectors(embedder, new_words)
        )
    row = old[UNK_ID] if name == "encoder.weight" else old[NUM_SPECIALS:].mean(dim=0)
    return row.expand(match.num_new, *row.shape)


def _token_vectors(embedder: ElmoEmbedder, words: Sequence[str]) -> Tensor:
    """Return the context-free vectors of words, (len(words), P)."""
    return torch.from_numpy(np.concatenate(list(embedder.encode_chunks(words))))


def _regression(inputs: Tensor, outputs: Tensor, new_inputs: Tensor) -> Tensor:
    """Ridge regression from ``inputs`` (n, P) to ``outputs`` (n, P), applied to ``new_inputs`` (m, P)."""
    known, unknown = (F.pad(part.double(), (0, 1), value=1.0) for part in (inputs, new_inputs))
    ridge = _RIDGE * torch.eye(known.shape[1], dtype=torch.float64)
    coefficients = torch.linalg.solve(known.t() @ known + ridge, known.t() @ outputs.double())
    predicted: Tensor = unknown @ coefficients
    return predicted.to(outputs.dtype)
