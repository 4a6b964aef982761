"""Reading HDF5 files of unknown origin: damaged ones, and ones that were made to do harm."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import h5py
import numpy as np

HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)
"""What reading a damaged file raises, depending on where the damage is."""

# DEFLATE compresses to a thousandth at best; a damaged size claims a billion times what is in the file.
_MAX_RATIO = 1100
_FREE_OF_RATIO_BYTES = 1 << 20
_HEAP = b"GCOL\x01\0\0\0"  # start of a heap, which holds strings of variable length, and its version
_HEAP_HEADER = struct.Struct("<8xQ")  # its size
_HEAP_OBJECT = struct.Struct("<H6xQ")  # number (0 for free space) and size


def read_floats(dataset: h5py.Dataset) -> np.ndarray:
    """Return all values of a dataset as float32; values too large for it become infinite.

    Raises:
        ValueError: when the values are not floating-point numbers, and as :func:`check_size`.
    """
    check_size(dataset)
    if dataset.dtype.kind != "f":
        raise ValueError(f"expected floating-point numbers, got {dataset.dtype}")
    with np.errstate(over="ignore"):
        return np.asarray(dataset[()]).astype(np.float32, copy=False)


def check_size(dataset: h5py.Dataset) -> None:
    """Check the size of a dataset before memory is allocated for it.

    Raises:
        ValueError: when it claims far more bytes than its file holds, or has no values at all.
    """
    if dataset.shape is None:
        raise ValueError("no values")
    stored, claimed = dataset.id.get_storage_size(), dataset.size * dataset.dtype.itemsize
    if claimed > _FREE_OF_RATIO_BYTES + _MAX_RATIO * stored:
        raise ValueError(f"the file holds {stored} bytes for a size of {claimed} bytes")


def check_heaps(path: Path) -> None:
    """Check the heaps of a file before strings are read from it.

    The HDF5 library walks through the objects of a heap without checking that it advances: free space of
    zero bytes, as a lost block of the disk leaves it, makes it loop forever.

    Raises:
        ValueError: when the objects of a heap do not fill it.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(_HEAP)
        while start >= 0:
            _check_heap(content, start)
            start = content.find(_HEAP, start + len(_HEAP))


def _check_heap(content: mmap.mmap, start: int) -> None:
    end = position = start + _HEAP_HEADER.size
    if end <= len(content):
        end = start + _HEAP_HEADER.unpack_from(content, start)[0]
    if end > len(content):
        raise ValueError(f"the heap at byte {start} extends beyond the end of the file")
    while position + _HEAP_OBJECT.size <= end:
        number, size = _HEAP_OBJECT.unpack_from(content, position)
        if number > 0:
            size = _HEAP_OBJECT.size + -(-size // 8) * 8
        if not 0 < size <= end - position:
            raise ValueError(f"the heap object at byte {position} has an impossible size")
        position += size
