"""Packed matrices, and products with them: ``lstm.c``."""

from __future__ import annotations

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
    packed = _space(native.elmokit_packed_size(*matrix.shape))
    native.elmokit_pack(matrix.data_ptr(), *matrix.shape, *matrix.stride(), packed.data_ptr())
    num_rows, num_columns = matrix.shape
    return PackedMatrix(packed, num_rows, num_columns, precision)


def refuse_long_columns(num_rows: int, precision: Precision) -> None:
    """Raise a ConfigError if the total of so many products could be too large."""
    if precision == "int8" and num_rows > _MAX_INTEGERS:
        raise ConfigError(
            f"precision=int8: a matrix has {num_rows:,} rows, expected at most {_MAX_INTEGERS:,}: use float32"
        )


def multiply(left: Tensor, right: PackedMatrix) -> Tensor:
    """Return ``left @ right`` in float32 for float32 (M, K); a row does not depend on the others."""
    product = left.new_empty(len(left), right.num_columns)
    _multiply(left, right, product, add=False)
    return product


def add_product_(total: Tensor, left: Tensor, right: PackedMatrix) -> None:
    """Add ``left @ right`` to a contiguous float32 (M, N) in place."""
    _multiply(left, right, total, add=True)


def _multiply(left: Tensor, right: PackedMatrix, product: Tensor, *, add: bool) -> None:
    left = left.contiguous()
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


def scratch(num_rows: int, num_values: int, precision: Precision) -> Tensor:
    """Return space for the operands of rows of values."""
    return _space(library(precision).elmokit_scratch_size(num_rows, num_values))


def _space(num_bytes: int) -> Tensor:
    return torch.empty(num_bytes, dtype=torch.uint8)
