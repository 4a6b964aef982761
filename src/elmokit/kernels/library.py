"""Loading the compiled kernels.

The library is built when the package is installed, if there is a C compiler (``hatch_build.py``), once per
instruction set, and once more for each other precision of products. It is called through ctypes, which lets
other threads run meanwhile.
"""

from __future__ import annotations

import ctypes
import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elmokit.kernels.precisions import Precision

_P, _L, _F, _I, _SIZE = ctypes.c_void_p, ctypes.c_long, ctypes.c_float, ctypes.c_int, ctypes.c_size_t
_INTERFACE = 3  # as in lstm.c
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "elmokit_interface": (_I, []),
    "elmokit_packed_size": (_SIZE, [_L, _L]),
    "elmokit_packed_gates_size": (_SIZE, [_L, _L]),
    "elmokit_pack": (None, [_P, _L, _L, _L, _L, _P]),
    "elmokit_pack_gates": (None, [_P, _L, _L, _P]),
    "elmokit_scratch_size": (_SIZE, [_L, _L]),
    "elmokit_product": (None, [_L, _L, _L, *[_P] * 4, _I]),
    "elmokit_multiply_scratch_size": (_SIZE, [_L, _L]),
    "elmokit_multiply": (None, [_L, _L, _L, _P, _L, _L, _P, _L, _L, *[_P] * 4, _I]),
    "elmokit_lstm_forward": (None, [_L, _P, _L, _L, _L, *[_P] * 7, _F, _F, _I, *[_P] * 5]),
    "elmokit_lstm_backward": (None, [_L, _P, _L, _L, *[_P] * 6, _F, _F, *[_P] * 5]),
    "elmokit_highway": (None, [_L, *[_P] * 4]),
    "elmokit_highway_gradient": (None, [_L, *[_P] * 7]),
    "elmokit_adagrad": (None, [_L, _L, *[_P] * 4, _F]),
    "elmokit_adam": (None, [_L, _L, *[_P] * 5, *[_F] * 5]),
    "elmokit_exponentials": (None, [_L, _L, _P, _P, _P]),
    "elmokit_pooled_convolution": (None, [*[_L] * 4, *[_P] * 5]),
    "elmokit_pooled_convolution_gradient": (None, [*[_L] * 4, *[_P] * 4]),
}

_CHECKS = {"avx512_bf16": "_is_avx512_bf16_supported", "avx512_int8": "_is_vnni_supported"}
"""PyTorch's functions that tell whether the processor has the further instructions of a variant."""


def instruction_set() -> str | None:
    """Return the name of the library's variant for this processor; None if there is none."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "neon"
    # PyTorch's own choice, so that its environment variable ATEN_CPU_CAPABILITY applies here as well.
    return {"AVX512": "avx512", "AVX2": "avx2"}.get(torch.backends.cpu.get_cpu_capability())


def is_available(precision: Precision = "float32") -> bool:
    """Whether the kernels were built and run on this processor."""
    return _load(precision) is not None


def library(precision: Precision = "float32") -> ctypes.CDLL:
    """Return the library, which must be available."""
    loaded = _load(precision)
    assert loaded is not None
    return loaded


def can_compute(*tensors: Tensor | None, precision: Precision = "float32") -> bool:
    """Whether the kernels can be given these tensors: float32, on the CPU, and not traced or sharded."""
    return (
        is_available(precision)
        and not torch.compiler.is_compiling()
        and all(
            tensor is None
            or (
                type(tensor) in (Tensor, nn.Parameter)
                and tensor.dtype == torch.float32
                and tensor.device.type == "cpu"
            )
            for tensor in tensors
        )
    )


@cache
def _load(precision: Precision) -> ctypes.CDLL | None:
    name = instruction_set()
    if precision != "float32":
        name = f"{name}_{precision}"
        check = _CHECKS.get(name)
        # An older PyTorch may not know it.
        if check is not None and not getattr(torch.cpu, check, lambda: False)():
            return None
    path = Path(__file__).with_name(f"_kernels_{name}.so")
    if not path.exists():
        return None
    try:
        loaded = ctypes.CDLL(str(path))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(loaded, name)
            function.argtypes, function.restype = arguments, result
    except (OSError, AttributeError):  # built for another system, or from other sources
        return None
    return loaded if loaded.elmokit_interface() == _INTERFACE else None
