"""The loss of a training batch, and the randomness in it: state resets, negatives, dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elmokit.config import TrainingConfig
from elmokit.data.batches import TextBatch
from elmokit.model.bilm import BiLM, BiLMOutput
from elmokit.model.dropout import Dropout
from elmokit.model.softmax import Candidates, draw_candidates
from elmokit.training.carried_state import CarriedState


class BatchLoss(NamedTuple):
    """The loss of a batch and what the model computed on the way."""

    loss: Tensor
    """Mean over the directions of their mean cross-entropies, in nats; differentiable."""
    output: BiLMOutput


class Objective:
    """Computes the loss of training batches.

    Args:
        model: with a softmax.
        training: settings.
    """

    def __init__(self, model: BiLM, training: TrainingConfig) -> None:
        self._model = model
        self._training = training
        self.dropout_generator = torch.Generator(model.device).manual_seed(training.seed)
        self.sampling_generator = np.random.default_rng(training.seed)
        self._dropout = Dropout(training.dropout, self.dropout_generator) if training.dropout else None

    def loss(self, batch: TextBatch, carried: CarriedState) -> BatchLoss:
        """Compute the loss of a batch; some rows of the carried state are reset first."""
        training = self._training
        if training.state_reset:
            carried.reset_rows(self.sampling_generator.random(training.batch_size) >= training.state_reset)
        output: BiLMOutput = self._model(
            batch.to(self._model.device), carried.values, self._draw_candidates(), dropout=self._draw_masks()
        )
        totals = [part.total_loss for part in output.directions if part.total_loss is not None]
        num_predictions = training.batch_size * training.unroll_steps
        return BatchLoss(torch.stack(totals).sum() / (len(totals) * num_predictions), output)

    def _draw_candidates(self) -> list[Candidates] | None:
        """Draw the words of the sampled softmax, for each direction its own; None for the full softmax."""
        if self._training.num_negatives == 0:
            return None
        assert self._model.num_words is not None
        return [
            draw_candidates(self.sampling_generator, self._training.num_negatives, self._model.num_words)
            for _ in range(self._model.config.num_directions)
        ]

    def _draw_masks(self) -> dict[str, Tensor] | None:
        if self._dropout is None:
            return None
        num_positions = self._training.batch_size * self._training.unroll_steps
        return self._dropout.masks(
            self._model.activation_names, num_positions, self._model.config.lstm.projection_dim
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both generators."""
        return {
            "dropout_generator": self.dropout_generator.get_state(),
            "sampling_generator": self.sampling_generator.bit_generator.state,
        }

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Continue with the generators of a checkpoint."""
        self.dropout_generator.set_state(values["dropout_generator"])
        self.sampling_generator.bit_generator.state = values["sampling_generator"]
