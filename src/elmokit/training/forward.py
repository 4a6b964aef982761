"""One batch through the language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.data.batches import Batch
from elmokit.model import bilm
from elmokit.model.bilm import BiLM, DirectionState
from elmokit.model.softmax import Candidates


@dataclass(frozen=True)
class LanguageModelOutput:
    """What a batch gave, one entry per direction."""

    totals: list[Tensor]
    """Summed cross-entropy in nats, differentiable."""
    losses: list[Tensor]
    """(T, B) cross-entropy of each position."""
    hidden: list[Tensor]
    """(T·B, P) what the softmax predicts from."""
    state: list[DirectionState]
    """To be carried into the next window."""
    activations: dict[str, Tensor]
    """Token vectors and layer outputs by name, for histograms."""


class Dropout:
    """Drops activations at random, from a generator whose state can be saved."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        self._keep = 1.0 - rate
        self._generator = generator

    def __call__(self, activation: Tensor, place: str) -> Tensor:
        """Zero each number with the given rate, scale the others up."""
        mask = torch.empty_like(activation).bernoulli_(self._keep, generator=self._generator)
        return activation * mask.div_(self._keep)


def run_language_model(
    model: BiLM,
    batch: Batch,
    state: Sequence[DirectionState],
    *,
    dropout: bilm.Dropout | None = None,
    candidates: Sequence[Candidates] | None = None,
) -> LanguageModelOutput:
    """Predict the targets of a batch.

    Args:
        model: with a softmax.
        batch: B lanes of T steps.
        state: of the lanes, one per direction.
        dropout: see :meth:`BiLM.run`.
        candidates: of the sampled softmax, one set per direction; None for the full softmax.
    """
    assert model.softmax is not None
    device = model.device
    num_steps, num_lanes = batch.is_real.shape
    vectors = model.encode(
        None if batch.char_ids is None else _tensor(batch.char_ids, device), _tensor(batch.word_ids, device)
    )
    output = LanguageModelOutput([], [], [], [], {"token_vectors": vectors})
    for direction, direction_state in enumerate(state):
        tokens = F.embedding(_tensor(batch.inputs[direction], device).flatten(), vectors)  # (N, P)
        outputs, new_state = model.run(direction, tokens, [num_lanes] * num_steps, direction_state, dropout)
        total, losses = model.softmax.loss(
            outputs[-1],
            _tensor(batch.targets[direction], device).flatten(),
            None if candidates is None else candidates[direction],
        )
        output.totals.append(total)
        output.losses.append(losses.view(num_steps, num_lanes))
        output.hidden.append(outputs[-1])
        output.state.append(new_state)
        for k, layer in enumerate(outputs):
            output.activations[f"direction{direction}_layer{k}"] = layer
    return output


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)
