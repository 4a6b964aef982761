"""One step of an LSTM layer after its matrix products, forward and backward, all gates of a cell at once."""

from __future__ import annotations

import math

import triton
import triton.language as tl
from torch import Tensor

_MAX_BLOCK = 1024  # cells of a program


@triton.jit
def _tanh(x):
    return 2 * tl.sigmoid(2 * x) - 1


@triton.jit
def _forward_step(gates, cell_before, cell, gated, num_cells, forget_bias, bound, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < num_cells
    gate = gates + row * 4 * num_cells + column
    place = row * num_cells + column
    i = tl.sigmoid(tl.load(gate, mask=inside, other=0.0).to(tl.float32))
    j = _tanh(tl.load(gate + num_cells, mask=inside, other=0.0).to(tl.float32))
    f = tl.sigmoid(tl.load(gate + 2 * num_cells, mask=inside, other=0.0).to(tl.float32) + forget_bias)
    o = tl.sigmoid(tl.load(gate + 3 * num_cells, mask=inside, other=0.0).to(tl.float32))
    c = f * tl.load(cell_before + place, mask=inside, other=0.0) + i * j
    c = tl.where(c > bound, bound, tl.where(c < -bound, -bound, c))  # keeps what is not a number
    tl.store(cell + place, c, mask=inside)
    tl.store(gated + place, (o * _tanh(c)).to(gated.dtype.element_ty), mask=inside)
    tl.store(gate, i.to(gates.dtype.element_ty), mask=inside)
    tl.store(gate + num_cells, j.to(gates.dtype.element_ty), mask=inside)
    tl.store(gate + 2 * num_cells, f.to(gates.dtype.element_ty), mask=inside)
    tl.store(gate + 3 * num_cells, o.to(gates.dtype.element_ty), mask=inside)


@triton.jit
def _backward_step(
    gates, cell_before, cell, grad_gated, grad_cell, grad_gates, num_cells, bound, BLOCK: tl.constexpr
):
    row = tl.program_id(0)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < num_cells
    gate = gates + row * 4 * num_cells + column
    place = row * num_cells + column
    i = tl.load(gate, mask=inside, other=0.0).to(tl.float32)
    j = tl.load(gate + num_cells, mask=inside, other=0.0).to(tl.float32)
    f = tl.load(gate + 2 * num_cells, mask=inside, other=0.0).to(tl.float32)
    o = tl.load(gate + 3 * num_cells, mask=inside, other=0.0).to(tl.float32)
    c = tl.load(cell + place, mask=inside, other=0.0)
    before = tl.load(cell_before + place, mask=inside, other=0.0)
    of_gated = tl.load(grad_gated + place, mask=inside, other=0.0).to(tl.float32)
    t = _tanh(c)
    of_cell = tl.load(grad_cell + place, mask=inside, other=0.0) + of_gated * o * (1 - t * t)
    of_cell = tl.where(tl.abs(c) < bound, of_cell, 0.0)
    out = grad_gates + row * 4 * num_cells + column
    tl.store(out, (of_cell * j * i * (1 - i)).to(grad_gates.dtype.element_ty), mask=inside)
    tl.store(out + num_cells, (of_cell * i * (1 - j * j)).to(grad_gates.dtype.element_ty), mask=inside)
    tl.store(
        out + 2 * num_cells, (of_cell * before * f * (1 - f)).to(grad_gates.dtype.element_ty), mask=inside
    )
    tl.store(out + 3 * num_cells, (of_gated * t * o * (1 - o)).to(grad_gates.dtype.element_ty), mask=inside)
    tl.store(grad_cell + place, of_cell * f, mask=inside)


@triton.jit
def _backward_output(gradient, grad_hidden, outputs, num_values, bound, BLOCK: tl.constexpr):
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < num_values
    total = tl.load(gradient + place, mask=inside, other=0.0).to(tl.float32)
    total += tl.load(grad_hidden + place, mask=inside, other=0.0).to(tl.float32)
    output = tl.load(outputs + place, mask=inside, other=0.0).to(tl.float32)
    total = tl.where(tl.abs(output) < bound, total, 0.0)
    tl.store(gradient + place, total.to(gradient.dtype.element_ty), mask=inside)


def forward_step(
    gates: Tensor,
    cell_before: Tensor,
    cell: Tensor,
    gated: Tensor,
    *,
    forget_bias: float,
    cell_clip: float | None,
) -> None:
    """Compute the cell and what goes to the projection; all tensors are contiguous.

    Args:
        gates: (b, 4H) sums of the products and the bias, of any floating type; activated in place.
        cell_before: (b, H) float32.
        cell: (b, H) float32, filled; may be ``cell_before``.
        gated: (b, H) in the type of the gates, filled with ``o * tanh(cell)``.
        forget_bias: added to the forget gate.
        cell_clip: bound on the cell; None for none.
    """
    num_rows, num_cells = cell.shape
    _forward_step[_grid(num_rows, num_cells)](
        gates, cell_before, cell, gated, num_cells, forget_bias, _bound(cell_clip), BLOCK=_block(num_cells)
    )


def backward_step(
    gates: Tensor,
    cell_before: Tensor,
    cell: Tensor,
    grad_gated: Tensor,
    grad_cell: Tensor,
    grad_gates: Tensor,
    *,
    cell_clip: float | None,
) -> None:
    """Compute the gradients of the gates before their activation; all tensors are contiguous.

    Args:
        gates: (b, 4H) activated.
        cell_before: (b, H) float32.
        cell: (b, H) float32.
        grad_gated: (b, H) gradient of ``o * tanh(cell)``.
        grad_cell: (b, H) float32 gradient of the cell from later steps; replaced by that of the cell before.
        grad_gates: (b, 4H), filled.
        cell_clip: bound on the cell; None for none.
    """
    num_rows, num_cells = cell.shape
    _backward_step[_grid(num_rows, num_cells)](
        gates,
        cell_before,
        cell,
        grad_gated,
        grad_cell,
        grad_gates,
        num_cells,
        _bound(cell_clip),
        BLOCK=_block(num_cells),
    )


def backward_output(gradient: Tensor, grad_hidden: Tensor, outputs: Tensor, *, clip: float | None) -> None:
    """Add the gradient from the next step, and let pass what the clipping of the projection lets pass.

    Args:
        gradient: (b, P) of the output, changed in place; contiguous, as the others.
        grad_hidden: (b, P) from the next step.
        outputs: (b, P) clipped.
        clip: bound on the outputs; None for none.
    """
    num_values = outputs.numel()
    block = min(_MAX_BLOCK, triton.next_power_of_2(num_values))
    _backward_output[(triton.cdiv(num_values, block),)](
        gradient, grad_hidden, outputs, num_values, _bound(clip), BLOCK=block
    )


def _block(num_cells: int) -> int:
    return min(_MAX_BLOCK, int(triton.next_power_of_2(num_cells)))


def _grid(num_rows: int, num_cells: int) -> tuple[int, int]:
    return num_rows, triton.cdiv(num_cells, _block(num_cells))


def _bound(clip: float | None) -> float:
    return math.inf if clip is None else clip
