"""What can be chosen about files of vectors. Imports nothing, for the options of commands."""

from __future__ import annotations

from typing import Literal

VectorType = Literal["float32", "float16", "int8"]
"""Type of the stored values."""

DEFAULT_FILE_BYTES = 1 << 29
"""Approximate size of the largest Parquet file of a directory."""
