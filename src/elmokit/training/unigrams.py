"""The softmax's bias from word frequencies alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.vocabulary import BOS_ID, EOS_ID
from elmokit.data.word_types import BOS_TYPE

_UNSEEN_COUNT = 0.5  # of words that do not occur in the text


def unigram_bias(text: IndexedCorpus, *, bidirectional: bool) -> Tensor:
    """Return the logarithms of the words' shares in a text, (V,) float64.

    With this bias a new model predicts by frequency from the first step on, instead of learning that first.
    """
    return unigram_shares(text, bidirectional=bidirectional).log()


def unigram_shares(text: IndexedCorpus, *, bidirectional: bool) -> Tensor:
    """Return the share of each word in all predictions of a text, slightly above zero for unseen ones.

    Args:
        text: the training text.
        bidirectional: whether the model predicts in both directions.

    Returns:
        (V,) float64, summing to 1.
    """
    corpus = text.corpus
    assert isinstance(corpus, Corpus)
    is_target = np.arange(len(corpus.types)) != BOS_TYPE
    counts = np.bincount(
        text.word_ids[is_target], weights=corpus.types.counts[is_target], minlength=len(text.vocabulary)
    )
    if bidirectional:  # the end of a sentence is predicted forward and its begin backward
        counts[BOS_ID] = counts[EOS_ID] = counts[EOS_ID] / 2
    counts = np.maximum(counts, _UNSEEN_COUNT)
    return torch.from_numpy(counts / counts.sum())
