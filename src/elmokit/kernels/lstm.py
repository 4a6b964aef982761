"""The recurrent part of an LSTM layer, forward and backward: ``lstm.c``."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from elmokit.kernels.library import library


class Shape(NamedTuple):
    """The sizes of a window and the clipping bounds."""

    batch_sizes: Sequence[int]
    num_cells: int
    num_outputs: int
    cell_clip: float | None
    projection_clip: float | None


def pack(matrix: Tensor) -> Tensor:
    """Return a matrix (K, N) in the layout that the kernels read; any strides."""
    native = library()
    packed = matrix.new_empty(native.elmokit_packed_size(*matrix.shape))
    native.elmokit_pack(matrix.data_ptr(), *matrix.shape, *matrix.stride(), packed.data_ptr())
    return packed


def pack_gates(kernel: Tensor) -> Tensor:
    """Return a recurrent kernel (P, 4H), contiguous, in the layout that the forward pass reads."""
    native = library()
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
    """Run the recurrent part of a window; the arguments are described in ``lstm.c``."""
    sizes = _longs(shape.batch_sizes)
    library().elmokit_lstm_forward(
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
    """Differentiate the recurrent part of a window; the arguments are described in ``lstm.c``."""
    sizes = _longs(shape.batch_sizes)
    library().elmokit_lstm_backward(
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


def _longs(values: Sequence[int]) -> ctypes.Array[ctypes.c_long]:
    return (ctypes.c_long * len(values))(*values)


def _bound(clip: float | None) -> float:
    return math.inf if clip is None else clip
