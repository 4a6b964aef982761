"""Computing in the precision of the parameters, also inside ``torch.autocast``.

The numerics of the model are fixed: its kernels do not mix types, and half precision would change the vectors
from batch to batch. Layers around the model use whatever autocast gives them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

_DEVICE_TYPES = ("cpu", "cuda", "xpu", "mps")


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
