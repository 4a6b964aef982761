"""Checking stored tensors against their layout, whatever the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from elmokit.formats.stored import StoredModel
from elmokit.model.values import fault_of_values

_FLOATING_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

_Group: TypeAlias = tuple[str, Mapping[str, Tensor], Callable[[Tensor], str | None]]
"""The suffix of the names of some tensors, these tensors by the names of their parameters, and the check of
their values."""


def mismatches(stored: StoredModel) -> Iterator[str]:
    """Yield what is wrong with the tensors of a model: names, shapes, types and values.

    Tensors of the layout come first, then all others. Each item begins with the tensor's name in the file.
    """
    groups: list[_Group] = [("", stored.tensors, fault_of_values)]
    if stored.optimizer is not None:
        for slot, values in stored.optimizer.slots.items():
            groups.append((stored.optimizer.suffixes[slot], values, _infinite_values))
    reported: set[str] = set()
    for suffix, tensors, value_problem in groups:
        for name in stored.layout.shapes:
            stored_name = f"{name}{suffix}"
            reported.add(stored_name)
            if stored_name in stored.unread:
                yield f"{stored_name}: {stored.unread[stored_name]}"
            elif name not in tensors:
                yield f"{stored_name}: missing"
            elif problem := (
                stored.layout.problem(name, tensors[name].shape)
                or _type_problem(tensors[name])
                or value_problem(tensors[name].float())  # as the model keeps them
            ):
                yield f"{stored_name}: {problem}"
    for name, problem in stored.unread.items():
        if name not in reported:
            yield f"{name}: {problem}"
    for suffix, tensors, _ in groups:
        for name in sorted(tensors.keys() - stored.layout.shapes.keys()):
            yield f"{name}{suffix}: {stored.layout.problem(name, tensors[name].shape)}"


def _type_problem(tensor: Tensor) -> str | None:
    if tensor.dtype in _FLOATING_TYPES:
        return None
    return f"{tensor.dtype}, expected floating-point numbers of 16 bits or more"


def _infinite_values(tensor: Tensor) -> str | None:
    """Return what is wrong with an optimizer's values, whose size has no limit."""
    return None if bool(torch.isfinite(tensor).all()) else "holds NaN or infinite values"
