"""Sums of gradient rows, and optimizer updates of whole tensors or of rows, each in one pass."""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from elmokit.kernels.cuda.placement import on_its_device

_MAX_BLOCK = 1024  # numbers of a program
_ROWS_AT_ONCE = 16  # of a sum


@triton.jit
def _sum_sorted_rows(ids, order, values, sums, num_rows, width, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    first = tl.program_id(0)
    own = tl.load(ids + first)
    before = tl.load(ids + tl.maximum(first - 1, 0))
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    total = tl.zeros([BLOCK], tl.float32)
    if (first == 0) | (before != own):
        start = first
        going = 1
        while going > 0:
            place = start + tl.arange(0, ROWS)
            same = (tl.load(ids + place, mask=place < num_rows, other=-1) == own) & (place < num_rows)
            row = tl.load(order + place, mask=same, other=0)
            part = tl.load(
                values + row[:, None] * width + column[None, :],
                mask=same[:, None] & inside[None, :],
                other=0.0,
            )
            total += tl.sum(part, axis=0)
            going = tl.where(tl.sum(same.to(tl.int32), axis=0) == ROWS, 1, 0)
            start += ROWS
    tl.store(sums + first.to(tl.int64) * width + column, total, mask=inside)


@triton.jit
def _place(ids, width, BY_ROW: tl.constexpr, BLOCK: tl.constexpr):
    """Return where a program's numbers are in the gradient and in the tensor, and whether they count."""
    if BY_ROW:
        slot = tl.program_id(0).to(tl.int64)
        column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        row = tl.load(ids + slot)
        is_first = (slot == 0) | (tl.load(ids + tl.maximum(slot - 1, 0)) != row)
        source, target = slot * width + column, row * width + column
        inside = (column < width) & is_first
    else:
        source = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        target, inside = source, source < width
    return source, target, inside


@triton.jit
def _adagrad(values, squares, gradient, ids, width, rate, BY_ROW: tl.constexpr, BLOCK: tl.constexpr):
    source, target, inside = _place(ids, width, BY_ROW, BLOCK)
    g = tl.load(gradient + source, mask=inside, other=0.0)
    square = tl.load(squares + target, mask=inside, other=1.0) + g * g
    value = tl.load(values + target, mask=inside, other=0.0)
    tl.store(squares + target, square, mask=inside)
    tl.store(values + target, value - rate * g / tl.sqrt(square), mask=inside)


@triton.jit
def _adam(
    values,
    first,
    second,
    gradient,
    ids,
    width,
    rate,
    beta1,
    beta2,
    second_share,
    epsilon,
    BY_ROW: tl.constexpr,
    BLOCK: tl.constexpr,
):
    source, target, inside = _place(ids, width, BY_ROW, BLOCK)
    g = tl.load(gradient + source, mask=inside, other=0.0)
    m = tl.load(first + target, mask=inside, other=0.0)
    v = tl.load(second + target, mask=inside, other=0.0)
    m += (1 - beta1) * (g - m)
    v = beta2 * v + (1 - beta2) * g * g
    value = tl.load(values + target, mask=inside, other=0.0)
    tl.store(first + target, m, mask=inside)
    tl.store(second + target, v, mask=inside)
    tl.store(values + target, value - rate * m / (tl.sqrt(v / second_share) + epsilon), mask=inside)


@on_its_device
def sum_sorted_rows(ids: Tensor, order: Tensor, values: Tensor) -> Tensor:
    """Add up the rows that have the same number, without waiting for the device.

    Args:
        ids: (K,) int64 row numbers, sorted.
        order: (K,) int64 row of ``values`` that each of them is for.
        values: (K, ...) float32, contiguous.

    Returns:
        (K, ...): the sum at the first place of each number, and zeros at the others.
    """
    width = math.prod(values.shape[1:])
    sums = torch.empty_like(values)
    block = min(_MAX_BLOCK // 2, triton.next_power_of_2(width))
    _sum_sorted_rows[(len(ids), triton.cdiv(width, block))](
        ids, order, values, sums, len(ids), width, ROWS=_ROWS_AT_ONCE, BLOCK=block
    )
    return sums


@on_its_device
def adagrad(
    values: Tensor,
    squares: Tensor,
    gradient: Tensor,
    ids: Tensor | None,
    *,
    learning_rate: float,
) -> None:
    """Update by Adagrad: ``squares += g²``, then ``values -= learning_rate · g / √squares``.

    Args:
        values: (V, ...), contiguous, as the others.
        squares: (V, ...)
        gradient: of all of ``values``, or (K, ...) of some rows.
        ids: (K,) int64 numbers of these rows, sorted; a repeated one counts only at its first place.
            None for all rows.
        learning_rate: of this update.
    """
    grid, width, block = _division(values, ids)
    _adagrad[grid](values, squares, gradient, ids, width, learning_rate, BY_ROW=ids is not None, BLOCK=block)


@on_its_device
def adam(
    values: Tensor,
    first: Tensor,
    second: Tensor,
    gradient: Tensor,
    ids: Tensor | None,
    *,
    learning_rate: float,
    betas: tuple[float, float],
    shares: tuple[float, float],
    epsilon: float,
) -> None:
    """Update by Adam (Kingma and Ba 2015); the tensors are as for :func:`adagrad`.

    Args:
        values: (V, ...)
        first: (V, ...) moment.
        second: (V, ...) moment.
        gradient: see :func:`adagrad`.
        ids: see :func:`adagrad`.
        learning_rate: of this update.
        betas: shares of the moments that are kept.
        shares: of the moments' final size that they have by now, because they start at zero.
        epsilon: added to the root of the second moment.
    """
    grid, width, block = _division(values, ids)
    _adam[grid](
        values,
        first,
        second,
        gradient,
        ids,
        width,
        learning_rate / shares[0],
        *betas,
        shares[1],
        epsilon,
        BY_ROW=ids is not None,
        BLOCK=block,
    )


def _division(values: Tensor, ids: Tensor | None) -> tuple[tuple[int, int], int, int]:
    """Return the grid, the width of a row (without ``ids``, of the whole tensor), and that of a block."""
    width = values.numel() if ids is None else math.prod(values.shape[1:])
    block = min(_MAX_BLOCK, triton.next_power_of_2(width))
    num_blocks = triton.cdiv(width, block)
    return (num_blocks, 1) if ids is None else (len(ids), num_blocks), width, block
