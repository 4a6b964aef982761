"""Adagrad exactly as the original runs it, Adam, and Muon; all update only the rows that a sparse gradient
names."""

from __future__ import annotations

import inspect
import math
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from elmokit.config import TrainingConfig
from elmokit.kernels import optimizer as kernels
from elmokit.kernels.cuda.availability import can_launch
from elmokit.kernels.library import can_compute
from elmokit.model.parallel import run_calls
from elmokit.training.orthogonal import orthogonalized
from elmokit.training.pieces import map_pieces, pieces_to_update, run_pieces

_BETA1, _BETA2 = 0.9, 0.98
# Of a word that has not occurred for long, only the push away from all other contexts is left, which is tiny.
# With the usual 1e-8 Adam scales it up to a whole step at every step, and rare words are hardly learned.
_EPSILON = 6e-4
_MOMENTUM = 0.95  # of Muon
_RELATIVE_SIZE = 0.1  # root mean square of an update of Muon, times the learning rate


class RowOptimizer(torch.optim.Optimizer):
    """Optimizer that touches only the rows that a sparse gradient names.

    The sampled softmax and word embeddings give such gradients; repeated rows must have been summed, as
    :func:`~elmokit.training.gradients.clip_gradients` leaves them. Parameters without a gradient are left
    alone.

    Args:
        parameters: by name.
        learning_rate: of the first update; later ones take that of the parameter group, ``lr``.
        initial_value: where the remembered values of each parameter start.
    """

    kind: ClassVar[str]
    """The name in ``TrainingConfig.optimizer``."""
    slots: ClassVar[tuple[str, ...]]
    """Names of the values that are remembered for each number of a parameter."""

    # PyTorch wraps both so that they import its compiler, which takes seconds and has nothing to do here.
    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float, initial_value: float
    ) -> None:
        super().__init__(list(parameters.values()), {"lr": learning_rate, "num_updates": 0})
        self.initial_value = initial_value
        self._parameters = dict(parameters)
        for parameter in parameters.values():
            self.state[parameter] = {slot: torch.full_like(parameter, initial_value) for slot in self.slots}

    @property
    def num_updates(self) -> int:
        """Number of updates behind the remembered values, including those of an earlier run."""
        number: int = self.param_groups[0]["num_updates"]
        return number

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Apply the gradients.

        Args:
            closure: computes the gradients first, and returns the loss; None if they have been computed.

        Returns:
            The loss that ``closure`` returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        (group,) = self.param_groups
        group["num_updates"] += 1
        self._update_all(self._parameters, group["lr"])
        return loss

    def _update_all(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> None:
        """Update those of some parameters that have a gradient."""
        calls: list[Callable[[], None]] = []  # of compiled kernels, for pieces
        groups: list[list[Tensor]] = []  # values, gradient and slots of the same shape
        copies: list[tuple[Tensor, Tensor, Tensor]] = []  # whole tensor, rows, and a copy of the rows
        for parameter in parameters.values():
            gradient = parameter.grad
            if gradient is None:
                continue
            updated = [parameter.detach(), *(self.state[parameter][slot] for slot in self.slots)]
            if can_launch(*updated):
                self._update_on_device(updated, gradient, learning_rate)
                continue
            if _can_compute_pieces(updated, gradient):
                calls += [
                    partial(self._compute, *piece, learning_rate=learning_rate)
                    for piece in pieces_to_update(updated, gradient)
                ]
                continue
            if gradient.is_sparse:
                gradient = gradient.coalesce()
                rows = gradient._indices()[0]
                copies += [(whole, rows, whole[rows]) for whole in updated]
                updated = [part for _, _, part in copies[-len(updated) :]]
                gradient = gradient._values()
            groups.append([updated[0], gradient, *updated[1:]])
        run_pieces(calls)
        map_pieces(
            lambda values, gradient, *slots: self._update(values, gradient, list(slots), learning_rate),
            groups,
        )
        for whole, rows, part in copies:
            whole[rows] = part

    def _update_on_device(self, updated: list[Tensor], gradient: Tensor, learning_rate: float) -> None:
        """Update a tensor and its slots on a CUDA device, whole or by rows, in one pass."""
        ids = gradient._indices()[0] if gradient.is_sparse else None
        values = gradient._values() if gradient.is_sparse else gradient
        self._launch(updated, values.contiguous(), ids, learning_rate)

    @abstractmethod
    def _launch(
        self, updated: list[Tensor], gradient: Tensor, ids: Tensor | None, learning_rate: float
    ) -> None:
        """Do what :meth:`_update` does to rows ``ids`` of the values and slots ``updated``; None for all."""

    @abstractmethod
    def _compute(
        self, updated: list[Tensor], gradient: Tensor, ids: Tensor | None, learning_rate: float
    ) -> None:
        """Do the same on the CPU by the compiled kernels."""

    @abstractmethod
    def _update(self, values: Tensor, gradient: Tensor, slots: list[Tensor], learning_rate: float) -> None:
        """Change ``values`` and ``slots`` in place; all have the shape of ``gradient``."""

    def slot(self, slot: str, name: str) -> Tensor:
        """Return what is remembered of a parameter."""
        value: Tensor = self.state[self._parameters[name]][slot]
        return value

    def named_slots(self) -> dict[str, Tensor]:
        """Return what is remembered, by ``parameter/slot``, for a checkpoint."""
        return {
            f"{name}/{slot}": self.state[parameter][slot]
            for slot in self.slots
            for name, parameter in self._parameters.items()
        }

    @torch.no_grad()
    def load_named_slots(self, values: Mapping[str, Tensor], num_updates: int) -> None:
        """Continue from remembered values.

        Args:
            values: by ``parameter/slot``; slots that are not given keep their values.
            num_updates: behind these values.
        """
        for key, value in self.named_slots().items():
            if key in values:
                value.copy_(values[key])
        self.param_groups[0]["num_updates"] = num_updates


class Adagrad(RowOptimizer):
    """Adagrad (Duchi et al. 2011) as TensorFlow has it: accumulators start above zero, no epsilon.

    Args:
        parameters: to be updated, by name.
        learning_rate: see :class:`RowOptimizer`.
        initial_accumulator: where the sums of squared gradients start.
    """

    kind = "adagrad"
    slots = ("sum",)

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        *,
        learning_rate: float = 0.2,
        initial_accumulator: float = 1.0,
    ) -> None:
        super().__init__(parameters, learning_rate=learning_rate, initial_value=initial_accumulator)

    def _update(self, values: Tensor, gradient: Tensor, slots: list[Tensor], learning_rate: float) -> None:
        (squares,) = slots
        squares.addcmul_(gradient, gradient)
        values.addcdiv_(gradient, squares.sqrt(), value=-learning_rate)

    def _launch(
        self, updated: list[Tensor], gradient: Tensor, ids: Tensor | None, learning_rate: float
    ) -> None:
        from elmokit.kernels.cuda.rows import adagrad

        values, squares = updated
        adagrad(values, squares, gradient, ids, learning_rate=learning_rate)

    def _compute(
        self, updated: list[Tensor], gradient: Tensor, ids: Tensor | None, learning_rate: float
    ) -> None:
        values, squares = updated
        kernels.adagrad(values, squares, gradient, ids, learning_rate=learning_rate)


class Adam(RowOptimizer):
    """Adam (Kingma and Ba 2015).

    The moments of rows that a sparse gradient does not name are left as they are, as in TensorFlow's
    LazyAdam.

    Args:
        parameters: to be updated, by name.
        learning_rate: see :class:`RowOptimizer`.
    """

    kind = "adam"
    slots = ("first_moment", "second_moment")

    def __init__(self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float = 0.015) -> None:
        super().__init__(parameters, learning_rate=learning_rate, initial_value=0.0)

    def _update(self, values: Tensor, gradient: Tensor, slots: list[Tensor], learning_rate: float) -> None:
        first, second = slots
        first.lerp_(gradient, 1 - _BETA1)
        second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        # Both moments start at zero and are too small at first.
        first_share, second_share = 1 - _BETA1**self.num_updates, 1 - _BETA2**self.num_updates
        deviation = second.sqrt().div_(math.sqrt(second_share)).add_(_EPSILON)
        values.addcdiv_(first, deviation, value=-learning_rate / first_share)

    def _launch(
        self, updated: list[Tensor], gradient: Tensor, ids: Tensor | None, learning_rate: float
    ) -> None:
        from elmokit.kernels.cuda.rows import adam

        values, first, second = updated
        adam(values, first, second, gradient, ids, **self._numbers(learning_rate))

    def _compute(
        self, updated: list[Tensor], gradient: Tensor, ids: Tensor | None, learning_rate: float
    ) -> None:
        values, first, second = updated
        kernels.adam(values, first, second, gradient, ids, **self._numbers(learning_rate))

    def _numbers(self, learning_rate: float) -> dict[str, Any]:
        """Return the numbers that the kernels take."""
        return {
            "learning_rate": learning_rate,
            "betas": (_BETA1, _BETA2),
            "shares": (1 - _BETA1**self.num_updates, 1 - _BETA2**self.num_updates),
            "epsilon": _EPSILON,
        }


def _can_compute_pieces(updated: list[Tensor], gradient: Tensor) -> bool:
    """Whether the compiled kernels can be given a tensor, its slots and its gradient."""
    values = gradient._values() if gradient.is_sparse else gradient
    return can_compute(*updated, values) and all(tensor.is_contiguous() for tensor in updated)


class Muon(Adam):
    """Muon (Jordan et al. 2024) for some matrices, Adam for all other parameters.

    A matrix moves along the orthogonalized mean of its gradients: by the same amount in all directions that
    its gradients have, where Adam follows the few with large gradients. The root mean square of the entries
    of such an update is about a tenth of the learning rate (its size as in Liu et al. 2025), so that both
    parts can have the same rate.

    Args:
        parameters: to be updated, by name.
        matrices: names of those that are orthogonalized; each has two dimensions and a dense gradient. Their
            ``first_moment`` is the mean of the gradients; their ``second_moment`` is not used.
        learning_rate: see :class:`RowOptimizer`.
    """

    kind = "muon"

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        matrices: Collection[str],
        *,
        learning_rate: float = 0.015,
    ) -> None:
        super().__init__(parameters, learning_rate=learning_rate)
        self._matrices = {name: parameters[name] for name in matrices}
        self._others = {name: value for name, value in parameters.items() if name not in self._matrices}

    def _update_all(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> None:
        super()._update_all(self._others, learning_rate)
        matrices = [matrix for matrix in self._matrices.values() if matrix.grad is not None]
        run_calls([partial(self._update_matrix, matrix, learning_rate) for matrix in matrices])

    def _update_matrix(self, matrix: nn.Parameter, learning_rate: float) -> None:
        gradient, mean = matrix.grad, self.state[matrix]["first_moment"]
        assert gradient is not None
        mean.lerp_(gradient, 1 - _MOMENTUM)
        direction = orthogonalized(gradient.lerp(mean, _MOMENTUM))  # Nesterov's momentum
        # The entries of an orthogonal matrix have a root mean square of one over the root of its longer side.
        matrix.add_(direction, alpha=-_RELATIVE_SIZE * learning_rate * math.sqrt(max(matrix.shape)))


def make_optimizer(parameters: Mapping[str, nn.Parameter], training: TrainingConfig) -> RowOptimizer:
    """Return the optimizer of a recipe."""
    if training.optimizer == "adagrad":
        return Adagrad(
            parameters,
            learning_rate=training.learning_rate,
            initial_accumulator=training.initial_accumulator,
        )
    if training.optimizer == "muon":
        matrices = [
            name for name, value in parameters.items() if name.startswith("stacks.") and value.ndim == 2
        ]
        return Muon(parameters, matrices, learning_rate=training.learning_rate)
    return Adam(parameters, learning_rate=training.learning_rate)
