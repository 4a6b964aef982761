"""What the words' frequencies alone tell: where the softmax's bias starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from elmokit.data.batches import TextBatch
from elmokit.data.corpus import Corpus
from elmokit.data.vocabulary import BOS_ID, EOS_ID, Vocabulary
from elmokit.data.word_types import BOS_TYPE
from elmokit.model.bilm import BiLM
from elmokit.model.softmax import Softmax

_UNSEEN_COUNT = 0.5  # of words that the text does not hold


def start_from_unigrams(model: BiLM, corpus: Corpus, vocabulary: Vocabulary) -> None:
    """Set the softmax's bias to the logarithms of the words' shares in a text.

    A new model then predicts by frequency from the first step on, instead of learning that first.
    """
    softmax = _softmax_of(model)
    shares = _unigram_shares(model, corpus, vocabulary)
    with torch.no_grad():
        softmax.bias.copy_(shares.log())


def match_unigrams(
    model: BiLM,
    corpus: Corpus,
    vocabulary: Vocabulary,
    batches: Iterable[TextBatch],
    *,
    num_warm_up: int,
    on_predictions: Callable[[int], None] | None = None,
) -> None:
    """Shift the softmax's bias so that words are predicted as often as they occur in a text.

    What the model predicts is averaged over some batches of the text; each word's bias is then raised by the
    logarithm of how much too rarely it is predicted. This is one step of iterative proportional fitting
    (Deming and Stephan 1940) on the biases, all else held.

    Args:
        model: with a softmax.
        corpus: the text.
        vocabulary: of the model.
        batches: of the text.
        num_warm_up: batches at the start that only make the state familiar.
        on_predictions: told how many predictions have been made, as they are.
    """
    softmax = _softmax_of(model)
    predicted = torch.zeros(len(vocabulary), dtype=torch.float64)
    state = None
    with torch.no_grad():
        for number, batch in enumerate(batches):
            output = model(batch.to(model.device), state)
            state = output.state
            if number >= num_warm_up:
                for part in output.directions:
                    predicted += softmax.summed_probabilities(part.hidden).double().cpu()
            if on_predictions is not None:
                on_predictions(batch.is_counted.size)
        shift = (_unigram_shares(model, corpus, vocabulary) * predicted.sum() / predicted).log()
        softmax.bias.add_(shift.to(softmax.bias))


def _unigram_shares(model: BiLM, corpus: Corpus, vocabulary: Vocabulary) -> Tensor:
    """The share of each word in all predictions of a text, a little above zero where it has none: (V,)."""
    is_target = np.arange(len(corpus.types)) != BOS_TYPE
    counts = np.bincount(
        corpus.types.word_ids(vocabulary)[is_target],
        weights=corpus.types.counts[is_target],
        minlength=len(vocabulary),
    )
    if model.config.bidirectional:  # which predicts the end of a sentence forward and its begin backward
        counts[BOS_ID] = counts[EOS_ID] = counts[EOS_ID] / 2
    counts = np.maximum(counts, _UNSEEN_COUNT)
    return torch.from_numpy(counts / counts.sum())


def _softmax_of(model: BiLM) -> Softmax:
    assert model.softmax is not None
    return model.softmax
