"""Backward passes that can be differentiated no further."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from elmokit.errors import ElmokitError

Gradients: TypeAlias = Tensor | tuple[Tensor | None, ...] | None


def differentiable_once(backward: Callable[..., Gradients]) -> Callable[..., Gradients]:
    """Decorate the backward pass of an autograd function that has first derivatives only.

    With ``create_graph=True`` its gradients raise an error when they are differentiated. PyTorch's
    ``once_differentiable`` does that only if the incoming gradient depends on something: for the sum of a
    layer, a gradient penalty would count for nothing, without an error.
    """

    @functools.wraps(backward)
    def run(ctx: Any, *grad_outputs: Tensor | None) -> Gradients:
        with torch.no_grad():
            gradients = backward(ctx, *grad_outputs)
        if not torch.is_grad_enabled() or gradients is None:
            return gradients
        if isinstance(gradients, Tensor):
            return _guarded(gradients)
        return tuple(None if gradient is None else _guarded(gradient) for gradient in gradients)

    return run


def will_run_again() -> bool:
    """Whether the caller of the backward pass that is running keeps the graph for another one."""
    return torch._C._autograd._get_current_graph_task_keep_graph()


def _guarded(gradient: Tensor) -> Tensor:
    guarded: Tensor = _NoDerivative.apply(gradient.detach().requires_grad_())  # type: ignore[no-untyped-call]
    return guarded


class _NoDerivative(torch.autograd.Function):
    """The identity, whose backward pass is an error."""

    @staticmethod
    def forward(_: Any, gradient: Tensor) -> Tensor:
        return gradient.clone()  # not a view, which PyTorch would not let users change in place

    @staticmethod
    def backward(*_: Any) -> Tensor:
        raise ElmokitError(
            "the biLM has no second derivatives: take a gradient penalty with respect to the "
            "representations, which are plain PyTorch from there on"
        )
