"""An LSTM layer, forward and backward: ``lstm.c``."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from elmokit.kernels.library import library
from elmokit.kernels.matrices import ROWS_AT_ONCE, PackedMatrix, empty_bytes, refuse_long_columns, scratch
from elmokit.kernels.precisions import Precision


class Shape(NamedTuple):
    """The sizes of a window and the clipping bounds."""

    batch_sizes: Sequence[int]
    num_cells: int
    num_outputs: int
    cell_clip: float | None
    projection_clip: float | None


def pack_gates(kernel: Tensor, precision: Precision = "float32") -> PackedMatrix:
    """Pack a recurrent kernel (P, 4H) for the forward pass, the gates of a cell side by side.

    Raises:
        ConfigError: if a column is too long for the precision.
    """
    native, kernel = library(precision), kernel.contiguous()
    depth, width = kernel.shape
    refuse_long_columns(depth, precision)
    packed = empty_bytes(native.elmokit_packed_gates_size(depth, width // 4))
    native.elmokit_pack_gates(kernel.data_ptr(), depth, width // 4, packed.data_ptr())
    return PackedMatrix(packed, depth, width, precision)


def rows_of_gates(batch_sizes: Sequence[int]) -> int:
    """Return the number of rows of gates that the forward pass needs space for if it does not keep them."""
    return min(sum(batch_sizes), max(batch_sizes[0], ROWS_AT_ONCE))


def forward(
    shape: Shape,
    inputs: Tensor,
    input_kernel: PackedMatrix,
    bias: Tensor,
    kernel: PackedMatrix,
    projection: PackedMatrix | None,
    cell: Tensor,
    hidden: Tensor,
    gates: Tensor,
    cells: Tensor,
    gated: Tensor,
    outputs: Tensor,
    *,
    keep: bool,
) -> None:
    """Run a layer over a window; the arguments are described in ``lstm.c``."""
    sizes = _longs(shape.batch_sizes)
    widest = max(inputs.shape[1], shape.num_cells, shape.num_outputs)
    space = scratch(rows_of_gates(shape.batch_sizes), widest, kernel.precision)
    library(kernel.precision).elmokit_lstm_forward(
        len(sizes),
        ctypes.addressof(sizes),
        inputs.shape[1],
        shape.num_cells,
        shape.num_outputs,
        inputs.data_ptr(),
        input_kernel.values.data_ptr(),
        bias.data_ptr(),
        kernel.values.data_ptr(),
        None if projection is None else projection.values.data_ptr(),
        cell.data_ptr(),
        hidden.data_ptr(),
        _bound(shape.cell_clip),
        _bound(shape.projection_clip),
        keep,
        gates.data_ptr(),
        cells.data_ptr(),
        gated.data_ptr(),
        outputs.data_ptr(),
        space.data_ptr(),
    )


def backward(
    shape: Shape,
    gates: Tensor,
    kernel: PackedMatrix,
    projection: PackedMatrix | None,
    cells: Tensor,
    cell: Tensor,
    outputs: Tensor,
    grad_gates: Tensor,
    grad_projected: Tensor,
    grad_cell: Tensor,
    grad_hidden: Tensor,
) -> None:
    """Differentiate the recurrent part of a window; the arguments are described in ``lstm.c``.

    ``grad_gates`` may be ``gates``, which are then overwritten.
    """
    sizes = _longs(shape.batch_sizes)
    space = scratch(shape.batch_sizes[0], max(4 * shape.num_cells, shape.num_outputs), kernel.precision)
    library(kernel.precision).elmokit_lstm_backward(
        len(sizes),
        ctypes.addressof(sizes),
        shape.num_cells,
        shape.num_outputs,
        gates.data_ptr(),
        kernel.values.data_ptr(),
        None if projection is None else projection.values.data_ptr(),
        cells.data_ptr(),
        cell.data_ptr(),
        outputs.data_ptr(),
        _bound(shape.cell_clip),
        _bound(shape.projection_clip),
        grad_gates.data_ptr(),
        grad_projected.data_ptr(),
        grad_cell.data_ptr(),
        grad_hidden.data_ptr(),
        space.data_ptr(),
    )


def _longs(values: Sequence[int]) -> ctypes.Array[ctypes.c_long]:
    return (ctypes.c_long * len(values))(*values)


def _bound(clip: float | None) -> float:
    return math.inf if clip is None else clip
