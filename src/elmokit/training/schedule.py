"""The learning rate over a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from elmokit.config import TrainingConfig


def learning_rate_at(step: int, num_steps: int, training: TrainingConfig) -> float:
    """Return the learning rate of one update.

    It rises linearly over the first ``warmup`` of the run; with ``schedule=cosine`` it then falls as half a
    cosine (Loshchilov and Hutter 2017), with ``linear`` in a straight line, and is zero one step after the
    last.

    Args:
        step: number of the update, from 0.
        num_steps: updates of the whole run.
        training: settings.
    """
    num_rising = round(training.warmup * num_steps)
    if step < num_rising:
        return training.learning_rate * (step + 1) / (num_rising + 1)
    if training.schedule == "constant":
        return training.learning_rate
    progress = min(1.0, (step - num_rising) / max(1, num_steps - num_rising))
    if training.schedule == "linear":
        return training.learning_rate * (1 - progress)
    return training.learning_rate * (1 + math.cos(math.pi * progress)) / 2


class LearningRateSchedule:
    """Sets the learning rate of an optimizer before each update.

    Args:
        optimizer: whose parameter groups are set.
        training: settings.
        num_steps: updates of the whole run.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, training: TrainingConfig, num_steps: int) -> None:
        self._optimizer = optimizer
        self._training = training
        self._num_steps = num_steps
        self.factor = 1.0
        """Halved whenever training is rolled back."""

    def rate(self, step: int) -> float:
        """Return the learning rate of update number ``step``, from 0."""
        return learning_rate_at(step, self._num_steps, self._training) * self.factor

    def apply(self, step: int) -> float:
        """Set the learning rate of update number ``step``, and return it."""
        rate = self.rate(step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        return rate

    def state_dict(self) -> dict[str, Any]:
        """Return what changes during a run."""
        return {"learning_rate_factor": self.factor}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.factor = float(values["learning_rate_factor"])
