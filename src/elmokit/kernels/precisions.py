"""The precisions of matrix products."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

TrainingPrecision: TypeAlias = Literal["float32", "bf16"]
"""Those that have gradients."""

Precision: TypeAlias = Literal[TrainingPrecision, "int8"]
"""
- ``float32``;
- ``bf16``: factors are rounded to bfloat16, and their products summed in float32;
- ``int8``: each row of the left matrix and each column of the right one is rounded to integers of 8 bits with
  a scale, and the products of the integers are summed exactly.
"""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
