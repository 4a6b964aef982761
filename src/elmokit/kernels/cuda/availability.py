"""Whether Triton's kernels can be used."""

from __future__ import annotations

import importlib
import importlib.util
import os
import warnings
from functools import cache

import torch
from torch import Tensor, nn

from elmokit.errors import ElmokitWarning

DEVICE_TYPES = frozenset({"cuda"})
"""Where the kernels run. Triton's interpreter, which the tests use, runs them on the CPU."""

_OLDEST_CAPABILITY = (8, 0)  # the first with bfloat16 products


def can_launch(*tensors: Tensor | None) -> bool:
    """Whether the kernels can be given these tensors: float32, on a device, and not traced or sharded."""
    return (
        any(tensor is not None for tensor in tensors)
        and all(
            tensor is None
            or (
                tensor.device.type in DEVICE_TYPES
                and type(tensor) in (Tensor, nn.Parameter)
                and tensor.dtype == torch.float32
            )
            for tensor in tensors
        )
        and not torch.compiler.is_compiling()
        and all(tensor is None or _works(tensor.device) for tensor in tensors)
    )


@cache
def _works(device: torch.device) -> bool:
    """Whether a kernel can be built and launched, which needs Triton, a new device and a C compiler."""
    if os.environ.get("ELMOKIT_TRITON") == "0" or importlib.util.find_spec("triton") is None:
        return False
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < _OLDEST_CAPABILITY:
        return False
    try:
        rows = importlib.import_module("elmokit.kernels.cuda.rows")
        summed = rows.sum_sorted_rows(
            torch.tensor([2, 5, 5], device=device),
            torch.tensor([1, 0, 2], device=device),
            torch.tensor([[1.0], [2.0], [4.0]], device=device),
        )
        found: list[float] = summed.flatten().tolist()
    except Exception as error:  # of many kinds: no compiler, no headers, a driver that is too old
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(
            f"{device}: Triton cannot build kernels here ({type(error).__name__}: {reason}): PyTorch's "
            "operations are used, which are slower",
            ElmokitWarning,
            stacklevel=3,
        )
        return False
    return found == [2.0, 5.0, 0.0]
