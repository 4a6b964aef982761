"""Noticing that parameters have changed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

ParameterVersion: TypeAlias = tuple[tuple[int, int, int, int], ...]
"""For each parameter: which tensor it is, where its values are, how often they were changed in place, and a
hash of some of them."""

_MAX_COMPARED = 256  # values of a parameter


def parameter_version(module: nn.Module) -> ParameterVersion:
    """Return what changes whenever the parameters of a module are changed or replaced.

    Fused optimizers, ``parameter.data`` and NumPy change values behind PyTorch's back. They are noticed by
    values at even distances in each parameter, which a change of a few values only may miss.
    """
    return tensor_versions(list(module.parameters()))


def tensor_versions(parameters: Sequence[Tensor]) -> ParameterVersion:
    """Return what changes whenever one of the tensors is changed; see :func:`parameter_version`."""
    return tuple(
        # Tensors made in inference mode have no version, because they cannot be changed outside it.
        (id(parameter), parameter.data_ptr(), 0 if parameter.is_inference() else parameter._version, compared)
        for parameter, compared in zip(parameters, _hashes_of_values(parameters), strict=True)
    )


def _hashes_of_values(parameters: Sequence[Tensor]) -> list[int]:
    """Return a hash of values at even distances in each parameter."""
    if not parameters:
        return []
    compared = []
    for parameter in parameters:
        values = parameter.detach().flatten()
        widest = torch.float32 if values.device.type == "mps" else torch.float64  # which mps does not have
        compared.append(values[:: -(-len(values) // _MAX_COMPARED) or 1].to(widest))
    numbers = torch.cat(compared).cpu().numpy()  # one transfer from an accelerator
    ends = itertools.accumulate(map(len, compared))
    return [hash(numbers[end - len(own) : end].tobytes()) for own, end in zip(compared, ends, strict=True)]
