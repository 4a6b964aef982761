"""The loss of a training batch, and the randomness in it: state resets, negatives, dropout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    """The loss of a part of the rows of an update, and what the model computed on the way."""

    loss: Tensor
    """The share of these rows in the mean over the directions of their mean cross-entropies, in nats;
    differentiable. The losses of all parts on all processes sum to the mean."""
    output: BiLMOutput


class Objective:
    """Computes the loss of training batches.

    What is random is drawn for the rows of all processes, so that each of them draws the same, whichever
    rows it computes.

    Args:
        model: with a softmax.
        training: settings.
        rows: those of the rows of an update that this process computes.
    """

    def __init__(self, model: BiLM, training: TrainingConfig, rows: range) -> None:
        self._model = model
        self._training = training
        self._rows = slice(rows.start, rows.stop)
        self.dropout_generator = torch.Generator(model.device).manual_seed(training.seed)
        self.sampling_generator = np.random.default_rng(training.seed)
        self._dropout = Dropout(training.dropout, self.dropout_generator) if training.dropout else None

    def losses(self, batch: TextBatch, carried: CarriedState) -> Iterator[BatchLoss]:
        """Compute the loss of a batch, ``accumulation_steps`` parts of its rows one after another.

        Some rows of the carried state are reset first. The graph of a part may be freed before the next
        part is asked for.
        """
        training, num_parts = self._training, self._training.accumulation_steps
        if training.state_reset:
            keeps = self.sampling_generator.random(training.num_rows) >= training.state_reset
            carried.reset_rows(keeps[self._rows])
        candidates, masks = self._draw_candidates(), self._draw_masks()
        num_predictions = training.num_rows * training.unroll_steps
        for k, (part, state) in enumerate(zip(batch.split(num_parts), carried.split(num_parts), strict=True)):
            rows = slice(k * training.batch_size, (k + 1) * training.batch_size)
            dropout = masks and {name: mask[:, rows].flatten(0, 1) for name, mask in masks.items()}
            output: BiLMOutput = self._model(part.to(self._model.device), state, candidates, dropout=dropout)
            totals = [direction.total_loss for direction in output.directions]
            total = torch.stack([loss for loss in totals if loss is not None]).sum()
            yield BatchLoss(total / (len(totals) * num_predictions), output)

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
        """Return the masks (T, B, P) of this process's rows."""
        if self._dropout is None:
            return None
        num_steps, num_rows = self._training.unroll_steps, self._training.num_rows
        names, dim = self._model.activation_names, self._model.config.lstm.projection_dim
        # One by one: those of all processes need not be in memory at once.
        return {
            name: self._dropout.masks([name], num_steps * num_rows, dim)[name]
            .view(num_steps, num_rows, dim)[:, self._rows]
            .contiguous()
            for name in names
        }

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
