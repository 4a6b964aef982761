"""Arrays that stay on disk until they are read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt


def map_array(
    path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...], *, writable: bool = False
) -> np.ndarray:
    """Map a file of numbers into memory as an array.

    Args:
        path: the file.
        dtype: the type of the numbers.
        shape: the shape of the array.
        writable: make the array writable; pages that are written to are copied, so the file never changes.
            PyTorch accepts such an array without the warning it gives for read-only ones, but the operating
            system counts all of it as memory of the process.

    Raises:
        ValueError: when the file does not have the size of the array.
        OSError: when it cannot be read.
    """
    expected = math.prod(shape) * np.dtype(dtype).itemsize
    size = path.stat().st_size
    if size != expected:
        raise ValueError(f"{path.name} has {size} bytes, expected {expected}")
    if expected == 0:
        return np.empty(shape, dtype=dtype)
    # As a plain array: to take a part of NumPy's own type of mapped arrays costs ten times as much.
    return np.asarray(np.memmap(path, dtype=dtype, mode="c" if writable else "r", shape=shape))
