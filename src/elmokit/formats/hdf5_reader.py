"""Reading HDF5 from strangers: damaged files, and files that were made to do harm."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import h5py
import numpy as np

HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)
"""What reading a damaged file raises, depending on where the damage is."""

# DEFLATE reaches a thousandth, and a damaged size asks for a billion times what is there.
_MAX_RATIO = 1100
_FREE_OF_RATIO_BYTES = 1 << 20
_HEAP = b"GCOL\x01\0\0\0"  # where strings of varying length lie, and its version
_HEAP_HEADER = struct.Struct("<8xQ")  # its size
_HEAP_OBJECT = struct.Struct("<H6xQ")  # number, 0 for the space that is free, and size


def read_floats(dataset: h5py.Dataset) -> np.ndarray:
    """All values of a dataset as float32; those that are too large for it become infinite.

    Raises:
        ValueError: when it holds no floating-point numbers, or as :func:`check_size`.
    """
    check_size(dataset)
    if dataset.dtype.kind != "f":
        raise ValueError(f"{dataset.name}: expected floating-point numbers, got {dataset.dtype}")
    with np.errstate(over="ignore"):
        return np.asarray(dataset[()]).astype(np.float32, copy=False)


def check_size(dataset: h5py.Dataset) -> None:
    """Look at a dataset before memory is taken for it.

    Raises:
        ValueError: when it announces far more bytes than its file holds, or none at all.
    """
    if dataset.shape is None:
        raise ValueError(f"{dataset.name}: no values")
    stored, announced = dataset.id.get_storage_size(), dataset.size * dataset.dtype.itemsize
    if announced > _FREE_OF_RATIO_BYTES + _MAX_RATIO * stored:
        raise ValueError(f"{dataset.name}: {stored} bytes that announce {announced}")


def check_heaps(path: Path) -> None:
    """Look at the heaps of a file before strings are read from it.

    The library goes over the objects of a heap without looking whether it moves on: free space of no
    bytes, as where a block was lost, makes it go round for ever.

    Raises:
        ValueError: when the objects of a heap do not fill it.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(_HEAP)
        while start >= 0:
            _check_heap(content, start)
            start = content.find(_HEAP, start + len(_HEAP))


def _check_heap(content: mmap.mmap, start: int) -> None:
    end = place = start + _HEAP_HEADER.size
    if end <= len(content):
        end = start + _HEAP_HEADER.unpack_from(content, start)[0]
    if end > len(content):
        raise ValueError(f"a heap at byte {start} goes beyond the file")
    while place + _HEAP_OBJECT.size <= end:
        number, size = _HEAP_OBJECT.unpack_from(content, place)
        if number > 0:
            size = _HEAP_OBJECT.size + -(-size // 8) * 8
        if not 0 < size <= end - place:
            raise ValueError(f"an object of a heap, at byte {place}, has an impossible size")
        place += size
