"""The pooled character convolution as sums of table rows, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from elmokit.kernels.cuda.placement import on_its_device

_MAX_BLOCK = 256  # filters of a program


@triton.jit
def _pool(
    table,
    rows,
    num_windows,
    best,
    position,
    num_characters,
    num_filters,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
):
    word = tl.program_id(0)
    filters = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = filters < num_filters
    symbols = rows + word * num_characters
    largest = tl.full([BLOCK], float("-inf"), tl.float32)
    where = tl.zeros([BLOCK], tl.int32)
    for window in range(tl.load(num_windows + word).to(tl.int32)):
        value = tl.zeros([BLOCK], tl.float32)
        for offset in tl.static_range(WIDTH):
            row = tl.load(symbols + window + offset) + offset
            value += tl.load(table + row * num_filters + filters, mask=inside, other=0.0)
        is_larger = (value > largest) | (value != value)  # what is not a number is kept
        where = tl.where(is_larger, window, where)
        largest = tl.where(is_larger, value, largest)
    tl.store(best + word * num_filters + filters, largest, mask=inside)
    tl.store(position + word * num_filters + filters, where, mask=inside)


@triton.jit
def _scatter(
    rows,
    position,
    gradient,
    grad_table,
    num_characters,
    num_filters,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
):
    word = tl.program_id(0)
    filters = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = filters < num_filters
    value = tl.load(gradient + word * num_filters + filters, mask=inside, other=0.0)
    window = tl.load(position + word * num_filters + filters, mask=inside, other=0)
    for offset in tl.static_range(WIDTH):
        row = tl.load(rows + word * num_characters + window + offset, mask=inside, other=0) + offset
        tl.atomic_add(grad_table + row * num_filters + filters, value, mask=inside & (value != 0.0))


@on_its_device
def pooled_convolution(
    table: Tensor, char_ids: Tensor, num_windows: Tensor, width: int
) -> tuple[Tensor, Tensor]:
    """Compute what :func:`elmokit.kernels.convolution.pooled_convolution` does."""
    table, rows = table.contiguous(), _rows(char_ids, len(table), width)
    (num_types, num_characters), num_filters = char_ids.shape, table.shape[1]
    best = table.new_empty(num_types, num_filters)
    position = torch.empty(num_types, num_filters, dtype=torch.int32, device=table.device)
    if num_types:
        _pool[_grid(num_types, num_filters)](
            table,
            rows,
            num_windows,
            best,
            position,
            num_characters,
            num_filters,
            WIDTH=width,
            BLOCK=_block(num_filters),
        )
    return best, position


@on_its_device
def pooled_convolution_gradient(
    char_ids: Tensor, position: Tensor, gradient: Tensor, num_rows: int, width: int
) -> Tensor:
    """Compute what :func:`elmokit.kernels.convolution.pooled_convolution_gradient` does.

    The device adds in any order, so the last bits differ from run to run.
    """
    rows, gradient = _rows(char_ids, num_rows, width), gradient.contiguous()
    (num_types, num_characters), num_filters = char_ids.shape, gradient.shape[1]
    grad_table = gradient.new_zeros(num_rows, num_filters)
    if num_types:
        _scatter[_grid(num_types, num_filters)](
            rows,
            position,
            gradient,
            grad_table,
            num_characters,
            num_filters,
            WIDTH=width,
            BLOCK=_block(num_filters),
        )
    return grad_table


def _rows(char_ids: Tensor, num_rows: int, width: int) -> Tensor:
    """Return the table row (U, C) of each symbol's offset 0; the look-up makes the device check the ids."""
    firsts = torch.arange(0, num_rows, width, dtype=torch.int32, device=char_ids.device)
    return firsts[char_ids].contiguous()


def _block(num_filters: int) -> int:
    return min(_MAX_BLOCK, int(triton.next_power_of_2(num_filters)))


def _grid(num_types: int, num_filters: int) -> tuple[int, int]:
    return num_types, triton.cdiv(num_filters, _block(num_filters))
