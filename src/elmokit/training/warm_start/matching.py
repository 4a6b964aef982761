"""Shift the softmax's bias so that words are predicted as often as they occur in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from elmokit.data.batches import TextBatch
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.model.bilm import BiLM, BiLMOutput, BiLMState
from elmokit.training.unigrams import unigram_shares


@torch.no_grad()
def matched_bias(
    model: BiLM,
    text: IndexedCorpus,
    batches: Iterable[TextBatch],
    *,
    num_warm_up: int,
    on_predictions: Callable[[int], None] | None = None,
) -> Tensor:
    """Return the bias with which words are predicted as often as they occur in a text.

    What the model predicts is averaged over some batches of the text; each word's bias is then raised by the
    logarithm of the ratio of its frequency to that. This is one step of iterative proportional fitting
    (Deming and Stephan 1940) on the biases, everything else held fixed.

    Args:
        model: with a softmax.
        text: the training text.
        batches: of the text.
        num_warm_up: batches at the start that only warm up the state.
        on_predictions: called with the number of further predictions made.

    Returns:
        (V,) float32.
    """
    assert model.softmax is not None
    predicted = torch.zeros(len(text.vocabulary), dtype=torch.float64)
    state: BiLMState | None = None
    for number, batch in enumerate(batches):
        output: BiLMOutput = model(batch.to(model.device), state)
        state = output.state
        if number >= num_warm_up:
            for direction in output.directions:
                predicted += model.softmax.summed_probabilities(direction.hidden).cpu().double()
        if on_predictions is not None:
            on_predictions(batch.is_counted.size)
    shares = unigram_shares(text, bidirectional=model.config.bidirectional)
    bias = model.softmax.bias
    return bias + (shares * predicted.sum() / predicted).log().to(bias)
