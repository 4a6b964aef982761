"""The compiled library of LSTM kernels, ``native.c``: loading it and calling it.

The library is built when the package is installed, if there is a C compiler (``hatch_build.py``), once per
instruction set. It is called through ctypes, which lets other threads run meanwhile.
"""

from __future__ import annotations

import ctypes
import math
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

_POINTER, _LONG, _FLOAT = ctypes.c_void_p, ctypes.c_long, ctypes.c_float
_ARGUMENTS: dict[str, list[Any]] = {
    "elmokit_pack": [_POINTER, *[_LONG] * 4, _POINTER],
    "elmokit_pack_gates": [_POINTER, _LONG, _LONG, _POINTER],
    "elmokit_lstm_forward": [
        *[_LONG, _POINTER, _LONG, _LONG],
        *[_POINTER] * 5,
        *[_FLOAT, _FLOAT, ctypes.c_int],
        *[_POINTER] * 3,
    ],
    "elmokit_lstm_backward": [
        *[_LONG, _POINTER, _LONG, _LONG],
        *[_POINTER] * 6,
        *[_FLOAT, _FLOAT],
        *[_POINTER] * 4,
    ],
}
_SIZES = ("elmokit_packed_size", "elmokit_packed_gates_size")


def instruction_set() -> str | None:
    """Return the name of the library's variant for this processor; None if there is none."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "neon"
    # PyTorch's own choice, so that its environment variable ATEN_CPU_CAPABILITY applies here as well.
    capability = torch.backends.cpu.get_cpu_capability()
    return {"AVX512": "avx512", "AVX2": "avx2"}.get(capability)


@cache
def library() -> ctypes.CDLL | None:
    """Return the library; None if it was not built or does not run on this processor."""
    name = instruction_set()
    path = Path(__file__).with_name(f"_native_{name}.so")
    if name is None or not path.exists():
        return None
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError:  # built for another system
        return None
    for name, arguments in _ARGUMENTS.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = arguments, None
    for name in _SIZES:
        function = getattr(loaded, name)
        function.argtypes, function.restype = [_LONG, _LONG], ctypes.c_size_t
    return loaded


class Shape(NamedTuple):
    """The sizes of a window and the clipping bounds."""

    batch_sizes: Sequence[int]
    num_cells: int
    num_outputs: int
    cell_clip: float | None
    projection_clip: float | None


def pack(matrix: Tensor) -> Tensor:
    """Return a matrix (K, N) in the layout that the kernels read; any strides."""
    native = _library()
    packed = matrix.new_empty(native.elmokit_packed_size(*matrix.shape))
    native.elmokit_pack(matrix.data_ptr(), *matrix.shape, *matrix.stride(), packed.data_ptr())
    return packed


def pack_gates(kernel: Tensor) -> Tensor:
    """Return a recurrent kernel (P, 4H), contiguous, in the layout that the forward pass reads."""
    native = _library()
    depth, width = kernel.shape
    packed = kernel.new_empty(native.elmokit_packed_gates_size(depth, width // 4))
    native.elmokit_pack_gates(kernel.data_ptr(), depth, width // 4, packed.data_ptr())
    return packed


def forward(
    shape: Shape,
    gates: Tensor,
    kernel: Tensor,
    projection: Tensor | None,
    cell: Tensor,
    hidden: Tensor,
    cells: Tensor,
    gated: Tensor,
    outputs: Tensor,
    *,
    keep: bool,
) -> None:
    """Run the recurrent part of a window; the arguments are described in ``native.c``."""
    sizes = _longs(shape.batch_sizes)
    _library().elmokit_lstm_forward(
        len(sizes),
        ctypes.addressof(sizes),
        shape.num_cells,
        shape.num_outputs,
        gates.data_ptr(),
        kernel.data_ptr(),
        None if projection is None else projection.data_ptr(),
        cell.data_ptr(),
        hidden.data_ptr(),
        _bound(shape.cell_clip),
        _bound(shape.projection_clip),
        keep,
        cells.data_ptr(),
        gated.data_ptr(),
        outputs.data_ptr(),
    )


def backward(
    shape: Shape,
    gates: Tensor,
    kernel: Tensor,
    projection: Tensor | None,
    cells: Tensor,
    cell: Tensor,
    outputs: Tensor,
    grad_gates: Tensor,
    grad_projected: Tensor,
    grad_cell: Tensor,
    grad_hidden: Tensor,
) -> None:
    """Differentiate the recurrent part of a window; the arguments are described in ``native.c``."""
    sizes = _longs(shape.batch_sizes)
    _library().elmokit_lstm_backward(
        len(sizes),
        ctypes.addressof(sizes),
        shape.num_cells,
        shape.num_outputs,
        gates.data_ptr(),
        kernel.data_ptr(),
        None if projection is None else projection.data_ptr(),
        cells.data_ptr(),
        cell.data_ptr(),
        outputs.data_ptr(),
        _bound(shape.cell_clip),
        _bound(shape.projection_clip),
        grad_gates.data_ptr(),
        grad_projected.data_ptr(),
        grad_cell.data_ptr(),
        grad_hidden.data_ptr(),
    )


def _library() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None
    return loaded


def _longs(values: Sequence[int]) -> ctypes.Array[ctypes.c_long]:
    return (_LONG * len(values))(*values)


def _bound(clip: float | None) -> float:
    return math.inf if clip is None else clip
