"""The precisions of matrix products."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Precision: TypeAlias = Literal["float32", "bf16"]
"""``float32``, or ``bf16``: factors are rounded to bfloat16, and their products summed in float32."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
