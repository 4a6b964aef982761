"""Cross-entropy over a vocabulary and its gradients, with no logit ever written to memory.

Two kernels. One reads all words for some rows: it keeps the largest logit and the sum of exponentials so far
(Milakov and Gimelshein 2018) and, rescaled by them, the mean of the word vectors, which is the gradient of
the rows. The other reads all rows for some words and computes the logits again, whose probabilities are known
by then. Each result is summed by one program in a fixed order, so it is the same in every run.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.runtime import driver

from elmokit.kernels.cuda.placement import on_its_device


@triton.jit
def _tile(values, numbers, count, width, WIDTH: tl.constexpr):
    """Load rows (·, WIDTH) of a matrix, zero where there are none."""
    column = tl.arange(0, WIDTH)
    inside = (numbers < count)[:, None] & (column < width)[None, :]
    return tl.load(values + numbers[:, None] * width + column[None, :], mask=inside, other=0.0)


@triton.jit
def _by_rows(
    hidden,
    weight,
    bias,
    excluded,
    extra,
    log_totals,
    means,
    num_rows,
    num_words,
    width,
    WITH_EXTRA: tl.constexpr,
    KEEP: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    WORDS: tl.constexpr,
    PRECISION: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    states = _tile(hidden, row, num_rows, width, WIDTH)
    left_out = tl.load(excluded + row, mask=row < num_rows, other=-1)
    if WITH_EXTRA:
        largest = tl.load(extra + row, mask=row < num_rows, other=0.0)
        total = tl.full([ROWS], 1.0, tl.float32)
    else:
        largest = tl.full([ROWS], -1e30, tl.float32)  # below all logits, and its differences are finite
        total = tl.zeros([ROWS], tl.float32)
    mean = tl.zeros([ROWS, WIDTH], tl.float32)
    for start in range(0, num_words, WORDS):
        word = start + tl.arange(0, WORDS)
        vectors = _tile(weight, word, num_words, width, WIDTH)
        logits = tl.dot(states, tl.trans(vectors), input_precision=PRECISION)
        logits += tl.load(bias + word, mask=word < num_words, other=0.0)[None, :]
        counts = (word < num_words)[None, :] & (word[None, :] != left_out[:, None])
        logits = tl.where(counts, logits, float("-inf"))
        larger = tl.maximum(largest, tl.max(logits, axis=1))
        shrinks = tl.exp(largest - larger)
        exponentials = tl.exp(logits - larger[:, None])
        total = total * shrinks + tl.sum(exponentials, axis=1)
        if KEEP:
            mean = mean * shrinks[:, None]
            mean = tl.dot(exponentials.to(vectors.dtype), vectors, mean, input_precision=PRECISION)
        largest = larger
    tl.store(log_totals + row, largest + tl.log(total), mask=row < num_rows)
    if KEEP:
        column = tl.arange(0, WIDTH)
        inside = (row < num_rows)[:, None] & (column < width)[None, :]
        tl.store(means + row[:, None] * width + column[None, :], mean / total[:, None], mask=inside)


@triton.jit
def _by_words(
    hidden,
    weight,
    bias,
    excluded,
    log_totals,
    grad_weight,
    grad_bias,
    num_rows,
    num_words,
    width,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    WORDS: tl.constexpr,
    PRECISION: tl.constexpr,
):
    word = tl.program_id(0) * WORDS + tl.arange(0, WORDS)
    vectors = _tile(weight, word, num_words, width, WIDTH)
    biases = tl.load(bias + word, mask=word < num_words, other=0.0)
    gradient = tl.zeros([WORDS, WIDTH], tl.float32)
    of_bias = tl.zeros([WORDS], tl.float32)
    for start in range(0, num_rows, ROWS):
        row = start + tl.arange(0, ROWS)
        states = _tile(hidden, row, num_rows, width, WIDTH)
        log_total = tl.load(log_totals + row, mask=row < num_rows, other=0.0)
        left_out = tl.load(excluded + row, mask=row < num_rows, other=-1)
        logits = tl.dot(vectors, tl.trans(states), input_precision=PRECISION) + biases[:, None]
        counts = (row < num_rows)[None, :] & (word[:, None] != left_out[None, :])
        probabilities = tl.where(counts, tl.exp(logits - log_total[None, :]), 0.0)
        gradient = tl.dot(probabilities.to(states.dtype), states, gradient, input_precision=PRECISION)
        of_bias += tl.sum(probabilities, axis=1)
    column = tl.arange(0, WIDTH)
    inside = (word < num_words)[:, None] & (column < width)[None, :]
    tl.store(grad_weight + word[:, None] * width + column[None, :], gradient, mask=inside)
    tl.store(grad_bias + word, of_bias, mask=word < num_words)


class Tiles(NamedTuple):
    """How the work is divided."""

    rows: int
    """Of a tile, or of a program."""
    words: int
    num_stages: int
    """Tiles that are loaded ahead."""


_MIN_WIDTH = 16  # of a product
_MAX_WIDTH = 512  # sums of a wider tile do not fit the registers
_TILES = (Tiles(64, 64, 2), Tiles(64, 32, 2), Tiles(64, 32, 1), Tiles(32, 32, 1), Tiles(16, 16, 1))
_NUM_WARPS = 8


def can_divide(hidden: Tensor, weight: Tensor) -> bool:
    """Whether rows (N, P) and words (V, P) fit the kernels, which count in 32 bits."""
    return (
        hidden.shape[1] <= _MAX_WIDTH
        and max(hidden.numel(), weight.numel()) < 1 << 31
        and _tiles(hidden) is not None
    )


@on_its_device
def log_totals_and_gradients(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    excluded: Tensor,
    extra: Tensor | None,
    *,
    keep_gradients: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the logarithm of each row's sum of exponentials, and its derivatives, summed over the rows.

    Args:
        hidden: (N, P), contiguous.
        weight: (V, P), of the same type, contiguous.
        bias: (V,) float32.
        excluded: (N,) int64 word that does not count in a row; -1 for none.
        extra: (N,) float32 a further logit of each row; None for none.
        keep_gradients: whether the derivatives are wanted; otherwise they are empty.

    Returns:
        (N,) logarithms, and float32 derivatives by ``hidden``, ``weight`` and ``bias``. Those of the further
        logits are left to the caller.
    """
    (num_rows, width), num_words = hidden.shape, len(weight)
    log_totals = hidden.new_empty(num_rows, dtype=torch.float32)
    shape = (num_rows, width) if keep_gradients else (0, width)
    means = hidden.new_empty(shape, dtype=torch.float32)
    grad_weight = hidden.new_empty((num_words if keep_gradients else 0, width), dtype=torch.float32)
    grad_bias = hidden.new_empty(len(grad_weight), dtype=torch.float32)
    tiles = _tiles(hidden)
    assert tiles is not None
    division = {
        "WIDTH": _padded(width),
        "ROWS": tiles.rows,
        "WORDS": tiles.words,
        "PRECISION": "ieee" if hidden.dtype == torch.float32 else "tf32",  # of no effect for other types
        "num_warps": _NUM_WARPS,
        "num_stages": tiles.num_stages,
    }
    _by_rows[(triton.cdiv(num_rows, tiles.rows),)](
        hidden,
        weight,
        bias,
        excluded,
        log_totals if extra is None else extra,
        log_totals,
        means,
        num_rows,
        num_words,
        width,
        WITH_EXTRA=extra is not None,
        KEEP=keep_gradients,
        **division,
    )
    if keep_gradients:
        division |= {"ROWS": tiles.words, "WORDS": tiles.rows}
        _by_words[(triton.cdiv(num_words, tiles.rows),)](
            hidden,
            weight,
            bias,
            excluded,
            log_totals,
            grad_weight,
            grad_bias,
            num_rows,
            num_words,
            width,
            **division,
        )
    return log_totals, means, grad_weight, grad_bias


def _padded(width: int) -> int:
    return max(_MIN_WIDTH, int(triton.next_power_of_2(width)))


def _tiles(hidden: Tensor) -> Tiles | None:
    """Return the largest tiles that fit the memory of a multiprocessor; None if none fit."""
    if not hidden.is_cuda:  # the interpreter
        return _TILES[-1]
    room = driver.active.utils.get_device_properties(hidden.device.index)["max_shared_mem"]
    row_bytes = _padded(hidden.shape[1]) * hidden.element_size()
    for tiles in _TILES:
        probabilities = tiles.rows * tiles.words * hidden.element_size()
        if (tiles.rows + tiles.num_stages * tiles.words) * row_bytes + 2 * probabilities <= room:
            return tiles
    return None
