"""Perplexity over a fixed vocabulary, so that models of different vocabularies can be compared.

A model predicts the words of its own vocabulary V. Its probabilities over V become probabilities over another
vocabulary F without adding anything that the model does not say:

- a word of both keeps its probability;
- words that only the model has become F's ``<UNK>``;
- words that only F has share the model's ``<UNK>`` evenly with F's ``<UNK>`` (as Ueberla 1994 adjusts
  perplexity for unknown words).

They sum to one again, so perplexities over one F may be compared, whatever the models' vocabularies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.vocabulary import UNK_ID, Vocabulary
from elmokit.model.precision import without_autocast
from elmokit.model.softmax import Softmax


class FixedVocabulary:
    """Turns the losses of a model into those over a fixed vocabulary.

    Args:
        fixed: the vocabulary F.
        text: as the model's own vocabulary V sees it.
    """

    def __init__(self, fixed: Vocabulary, text: IndexedCorpus) -> None:
        own = text.vocabulary
        self.ids = text.corpus.types.word_ids(fixed)
        """(num_types,) F's ids of the types."""
        self._is_shared_unknown = (text.word_ids == UNK_ID) & (self.ids != UNK_ID)  # of the types
        num_sharing = 1 + sum(word not in own for word in fixed.words)
        self._log_share = -math.log(num_sharing)
        unreachable = set(own.unreachable)
        only_own = [k for k, word in enumerate(own.words) if word not in fixed or k in unreachable]
        self._unknown_ids = torch.tensor([UNK_ID, *only_own])

    @without_autocast
    def losses(
        self, softmax: Softmax, hidden: Tensor, types: np.ndarray, own_ids: Tensor, losses: Tensor
    ) -> Tensor:
        """Return the losses over the fixed vocabulary.

        Args:
            softmax: of the model.
            hidden: (N, P) top layer that it predicts from.
            types: (N,) type ids of the targets.
            own_ids: (N,) the model's ids of the targets.
            losses: (N,) the model's losses over its own vocabulary.
        """
        adjusted = losses.clone()
        shared = torch.from_numpy(self._is_shared_unknown[types]).to(losses.device)
        adjusted[shared] -= self._log_share
        rows = torch.from_numpy(np.flatnonzero(self.ids[types] == UNK_ID)).to(losses.device)
        if len(rows):
            own = own_ids.to(losses.device)[rows]
            ids = self._unknown_ids.to(losses.device)
            logits = torch.addmm(softmax.bias[ids], hidden[rows], softmax.weight[ids].t())  # (n, ·)
            logits[:, 0] += self._log_share
            target_logits = (hidden[rows] * softmax.weight[own]).sum(dim=1) + softmax.bias[own]
            # A loss is the log of the total less the target's logit; here the target is the whole pool.
            adjusted[rows] = losses[rows] + target_logits - torch.logsumexp(logits, dim=1)
        return adjusted


def common_vocabulary(vocabularies: Sequence[Vocabulary]) -> Vocabulary:
    """Return the words that all vocabularies share, in the order of the first."""
    return Vocabulary(
        [
            word
            for word in vocabularies[0].without_unreachable().words
            if all(word in other for other in vocabularies[1:])
        ]
    )
