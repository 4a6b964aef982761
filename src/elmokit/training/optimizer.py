"""Adagrad and gradient clipping exactly as the original runs them; Adam; rates over a run.

Of a sparse gradient, as the sampled softmax and word embeddings give it, the optimizers touch only the
rows it names; it has to be coalesced, as :func:`clip_gradients` leaves it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from elmokit.config import TrainingConfig

_BETA1, _BETA2 = 0.9, 0.98
# Of a word that has long not occurred only the push away from all other contexts is left, which is tiny. With
# the usual 1e-8 Adam enlarges it to a whole step at every step, and rare words are hardly learned.
_EPSILON = 6e-4


class Optimizer(ABC):
    """Updates parameters from their gradients.

    Args:
        parameters: by name; those without a gradient are left alone.
    """

    kind: ClassVar[str]
    """As in ``TrainingConfig.optimizer``."""
    slots: ClassVar[tuple[str, ...]]
    """What is remembered of each number of a parameter."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], initial_values: float) -> None:
        self._parameters = dict(parameters)
        self.initial_values = initial_values
        """Where the slots of a parameter start."""
        self.num_updates = 0
        """Updates behind the slots, those of an earlier run that was gone on with included."""
        self._values = {
            slot: {name: torch.full_like(value, initial_values) for name, value in parameters.items()}
            for slot in self.slots
        }

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Apply the gradients."""
        self.num_updates += 1
        for name, parameter in self._parameters.items():
            gradient = parameter.grad
            if gradient is None:
                continue
            slots = [self._values[slot][name] for slot in self.slots]
            if gradient.is_sparse:
                rows = gradient._indices()[0]
                row_values = [parameter[rows], *(slot[rows] for slot in slots)]
                self._update(row_values[0], gradient._values(), row_values[1:], learning_rate)
                for whole, part in zip((parameter, *slots), row_values, strict=True):
                    whole[rows] = part
            else:
                self._update(parameter, gradient, slots, learning_rate)

    @abstractmethod
    def _update(self, values: Tensor, gradient: Tensor, slots: list[Tensor], learning_rate: float) -> None:
        """Change ``values`` and ``slots`` in place; all have the shape of ``gradient``."""

    def slot(self, slot: str, name: str) -> Tensor:
        """What is remembered of a parameter, to be read or changed in place."""
        return self._values[slot][name]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters.values():
            parameter.grad = None


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011) as TensorFlow has it: accumulators start above zero, no epsilon.

    Args:
        parameters: to be updated, by name.
        initial_accumulator: where the sums of squared gradients start.
    """

    kind = "adagrad"
    slots = ("sum",)

    def __init__(self, parameters: Mapping[str, nn.Parameter], *, initial_accumulator: float) -> None:
        super().__init__(parameters, initial_accumulator)

    def _update(self, values: Tensor, gradient: Tensor, slots: list[Tensor], learning_rate: float) -> None:
        (squares,) = slots
        squares.addcmul_(gradient, gradient)
        values.addcdiv_(gradient, squares.sqrt(), value=-learning_rate)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015).

    The moments of rows that a sparse gradient does not name stand still, as in TensorFlow's LazyAdam.

    Args:
        parameters: to be updated, by name.
    """

    kind = "adam"
    slots = ("first_moment", "second_moment")

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        super().__init__(parameters, 0.0)

    def _update(self, values: Tensor, gradient: Tensor, slots: list[Tensor], learning_rate: float) -> None:
        first, second = slots
        first.lerp_(gradient, 1 - _BETA1)
        second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        # Both moments start at zero and are too small at first.
        first_share, second_share = 1 - _BETA1**self.num_updates, 1 - _BETA2**self.num_updates
        deviation = second.sqrt().div_(math.sqrt(second_share)).add_(_EPSILON)
        values.addcdiv_(first, deviation, value=-learning_rate / first_share)


def make_optimizer(parameters: Mapping[str, nn.Parameter], training: TrainingConfig) -> Optimizer:
    """The optimizer of a recipe."""
    if training.optimizer == "adagrad":
        return Adagrad(parameters, initial_accumulator=training.initial_accumulator)
    return Adam(parameters)


def learning_rate_at(step: int, num_steps: int, training: TrainingConfig) -> float:
    """The learning rate of one update.

    It rises linearly over the first ``warmup`` of the run; with ``schedule=cosine`` it then falls as half a
    cosine (Loshchilov and Hutter 2017) and is zero one step after the last.

    Args:
        step: of the update, from 0.
        num_steps: of the run.
        training: settings.
    """
    num_rising = round(training.warmup * num_steps)
    if step < num_rising:
        return training.learning_rate * (step + 1) / (num_rising + 1)
    if training.schedule == "constant":
        return training.learning_rate
    progress = min(1.0, (step - num_rising) / max(1, num_steps - num_rising))
    return training.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> float:
    """Scale all gradients so that their global norm is at most ``max_norm``; return the norm before.

    Repeated rows of a sparse gradient are summed first, so its norm is that of the dense gradient.
    """
    values: list[Tensor] = []
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is None:
            continue
        if gradient.is_sparse:
            gradient = parameter.grad = gradient.coalesce()
            gradient = gradient._values()
        values.append(gradient)
    norm = float(torch.linalg.vector_norm(torch.stack([value.norm() for value in values])))
    if norm > max_norm:
        for value in values:
            value.mul_(max_norm / norm)
    return norm
