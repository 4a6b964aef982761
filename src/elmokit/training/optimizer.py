"""Adagrad and gradient clipping exactly as the original runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import overload

import torch
from torch import Tensor, nn


class Adagrad(torch.optim.Optimizer):
    """Adagrad (Duchi et al. 2011) as TensorFlow has it: accumulators start above zero, no epsilon.

    Of a sparse gradient, as the sampled softmax and word embeddings give it, only the rows it names
    are touched; it has to be coalesced, as :func:`clip_gradients` leaves it.

    Args:
        parameters: to be updated.
        learning_rate: step size.
        initial_accumulator: where the sums of squared gradients start.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, learning_rate: float, initial_accumulator: float
    ) -> None:
        super().__init__(parameters, {"lr": learning_rate})
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["sum"] = torch.full_like(parameter, initial_accumulator)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Apply the gradients."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                squares = self.state[parameter]["sum"]
                if gradient.is_sparse:
                    rows, values = gradient._indices()[0], gradient._values()
                    row_squares = squares[rows].addcmul_(values, values)
                    squares[rows] = row_squares
                    parameter[rows] = parameter[rows].addcdiv_(
                        values, row_squares.sqrt_(), value=-group["lr"]
                    )
                else:
                    squares.addcmul_(gradient, gradient)
                    parameter.addcdiv_(gradient, squares.sqrt(), value=-group["lr"])
        return None

    def accumulator(self, parameter: nn.Parameter) -> Tensor:
        """The sum of squared gradients of one parameter, which may be changed in place."""
        accumulator: Tensor = self.state[parameter]["sum"]
        return accumulator


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
