"""Packed matrices, and products with them: ``lstm.c``."""

from __future__ import annotations

import threading
from typing import NamedTuple

import torch
from torch import Tensor

from elmokit.errors import ConfigError
from elmokit.kernels.library import library
from elmokit.kernels.precisions import Precision

ROWS_AT_ONCE = 96
"""Rows of the left matrix that are used at a time, as in ``lstm.c``."""
_MAX_INTEGERS = 1 << 16  # as in operands_int8.h


class PackedMatrix(NamedTuple):
    """A matrix (K, N) in the layout that the kernels read."""

    values: Tensor
    num_rows: int
    num_columns: int
    precision: Precision


def pack(matrix: Tensor, precision: Precision = "float32") -> PackedMatrix:
    """Pack a float32 matrix (K, N) of any strides.

    Raises:
        ConfigError: if a column is too long for the precision.
    """
    refuse_long_columns(len(matrix), precision)
    native = library(precision)
    packed = empty_bytes(native.elmokit_packed_size(*matrix.shape))
    native.elmokit_pack(matrix.data_ptr(), *matrix.shape, *matrix.stride(), packed.data_ptr())
    num_rows, num_columns = matrix.shape
    return PackedMatrix(packed, num_rows, num_columns, precision)


def refuse_long_columns(num_rows: int, precision: Precision) -> None:
    """Raise a ConfigError if the total of so many products could be too large."""
    if precision == "int8" and num_rows > _MAX_INTEGERS:
        raise ConfigError(
            f"precision=int8: a matrix has {num_rows:,} rows, expected at most {_MAX_INTEGERS:,}: use float32"
        )


def multiply_packed(left: Tensor, right: PackedMatrix, bias: Tensor | None = None) -> Tensor:
    """Return ``left @ right + bias`` in float32 for float32 (M, K); a row does not depend on the others."""
    left = left.contiguous()
    product, add = _start(len(left), right.num_columns, bias)
    space = scratch(min(len(left), ROWS_AT_ONCE), right.num_rows, right.precision)
    library(right.precision).elmokit_product(
        len(left),
        right.num_rows,
        right.num_columns,
        left.data_ptr(),
        right.values.data_ptr(),
        product.data_ptr(),
        space.data_ptr(),
        add,
    )
    return product


def multiply(
    left: Tensor,
    right: Tensor,
    bias: Tensor | None = None,
    *,
    precision: Precision = "float32",
    column_sums: Tensor | None = None,
) -> Tensor:
    """Return what :func:`multiply_packed` does for a matrix that is packed part by part.

    Args:
        left: (M, K) of any strides.
        right: (K, N) of any strides.
        bias: (N,).
        precision: of the product.
        column_sums: (N,) contiguous, to which the sums of the columns of ``right`` are added; None for none.

    Raises:
        ConfigError: if a column is too long for the precision.
    """
    product, add = _start(len(left), right.shape[1], bias)
    _multiply(left, right, product, precision, column_sums, None, add=add)
    return product


def add_product_(
    total: Tensor,
    left: Tensor,
    right: Tensor,
    *,
    precision: Precision = "float32",
    column_sums: Tensor | None = None,
    row_weights: Tensor | None = None,
) -> None:
    """Add ``left @ right`` to a sum in place; see :func:`multiply`.

    Args:
        total: (M, N), contiguous.
        left: (M, K) of any strides.
        right: (K, N) of any strides.
        precision: of the product.
        column_sums: (N,) contiguous, to which the sums of the columns of ``right`` are added; None for none.
        row_weights: (K,) contiguous weights of the rows in these sums; None for 1.
    """
    _multiply(left, right, total, precision, column_sums, row_weights, add=True)


def _start(num_rows: int, num_columns: int, bias: Tensor | None) -> tuple[Tensor, bool]:
    """Return space for a product, and whether the product is added to what is in it."""
    if bias is None:
        return torch.empty(num_rows, num_columns, dtype=torch.float32, device="cpu"), False
    # A copy even of a single row, which would otherwise be the bias itself.
    return bias.detach().expand(num_rows, num_columns).clone(memory_format=torch.contiguous_format), True


def _multiply(
    left: Tensor,
    right: Tensor,
    out: Tensor,
    precision: Precision,
    column_sums: Tensor | None,
    row_weights: Tensor | None,
    *,
    add: bool,
) -> None:
    refuse_long_columns(len(right), precision)
    row, column = left.stride()
    if not (column == 1 or (row == 1 and precision != "int8")):
        left = left.contiguous()
    native = library(precision)
    (num_rows, depth), num_columns = left.shape, right.shape[1]
    space = _scratch(native.elmokit_multiply_scratch_size(depth, num_columns))
    native.elmokit_multiply(
        num_rows,
        depth,
        num_columns,
        left.data_ptr(),
        *left.stride(),
        right.data_ptr(),
        *right.stride(),
        out.data_ptr(),
        *(None if values is None else values.data_ptr() for values in (column_sums, row_weights)),
        space.data_ptr(),
        add,
    )


def scratch(num_rows: int, num_values: int, precision: Precision) -> Tensor:
    """Return space for the operands of rows of values, for the next call of the kernels by this thread."""
    return _scratch(library(precision).elmokit_scratch_size(num_rows, num_values))


def empty_bytes(num_bytes: int) -> Tensor:
    """Return new memory, on the CPU whatever the user's default device is."""
    return torch.empty(num_bytes, dtype=torch.uint8, device="cpu")


class _Scratch(threading.local):
    space = empty_bytes(0)


_own = _Scratch()


def _scratch(num_bytes: int) -> Tensor:
    if len(_own.space) < num_bytes:
        _own.space = empty_bytes(num_bytes)
    return _own.space
