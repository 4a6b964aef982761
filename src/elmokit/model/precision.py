"""The precision of a model's products, which ``torch.autocast`` does not change.

The kernels do not mix the types of their inputs, and the half precision of autocast would change the vectors
from batch to batch. Layers around the model use whatever autocast gives them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch
from torch import nn

from elmokit.kernels.precisions import Precision

P = ParamSpec("P")
R = TypeVar("R")

_DEVICE_TYPES = ("cpu", "cuda", "xpu", "mps")


class HasPrecision(nn.Module):
    """A part of a model with matrix products, whose precision can be chosen."""

    precision: Precision = "float32"


def set_precision(module: nn.Module, precision: Precision) -> None:
    """Set the precision of the matrix products of a module and of all that it contains."""
    for part in module.modules():
        if isinstance(part, HasPrecision):
            part.precision = precision


def without_autocast(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function to run with autocast switched off."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        enabled = [kind for kind in _DEVICE_TYPES if torch.is_autocast_enabled(kind)]
        if not enabled:
            return function(*args, **kwargs)
        with _switched_off(enabled):
            return function(*args, **kwargs)

    return run


@contextmanager
def _switched_off(kinds: list[str]) -> Iterator[None]:
    for kind in kinds:
        torch.set_autocast_enabled(kind, False)
    try:
        yield
    finally:
        for kind in kinds:
            torch.set_autocast_enabled(kind, True)
