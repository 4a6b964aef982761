"""Reading HDF5 from strangers: damaged files, and files that were made to do harm."""

from __future__ import annotations

import h5py
import numpy as np

HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)
"""What reading a damaged file raises, depending on where the damage is."""

# DEFLATE reaches a thousandth, and a damaged size asks for a billion times what is there.
_MAX_RATIO = 1100
_FREE_OF_RATIO_BYTES = 1 << 20


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
