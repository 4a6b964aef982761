"""Reading HDF5 files of unknown origin: damaged ones, and ones that were made to do harm.

Every HDF5 file is opened here. A file can refer to others: a dataset may be stored in any file of this
machine, or be a view of datasets in other files, and a link may lead into another file. Nothing of that is
followed, so that what is read, converted and published comes from the file itself.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from elmokit.errors import MissingModelError, ModelFileError

HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)
"""What reading a damaged file raises, depending on where the damage is."""

# DEFLATE compresses to a thousandth at best; a damaged size claims a billion times what is in the file.
_MAX_RATIO = 1100
_FREE_OF_RATIO_BYTES = 1 << 20
# The deepest name of bilm-tf has six parts, and the largest model has some thousand datasets.
_MAX_DEPTH = 16
_MAX_OBJECTS = 10_000
_HEAP = b"GCOL\x01\0\0\0"  # start of a heap, which holds strings of variable length, and its version
_HEAP_HEADER = struct.Struct("<8xQ")  # its size
_HEAP_OBJECT = struct.Struct("<H6xQ")  # number (0 for free space) and size


class UnsafeHdf5Error(ValueError):
    """A file that is not read because of how it is built; the message says why."""


def list_names(path: Path) -> list[str]:
    """Return the names at the top level of a file.

    Raises:
        UnsafeHdf5Error: when it is not a regular file; others of :data:`HDF5_ERRORS` when it is damaged.
    """
    with _opened(path) as file:
        return list(file)


@contextmanager
def open_datasets(path: Path, content: str = "weights") -> Iterator[dict[str, h5py.Dataset]]:
    """Yield all datasets of a file by their full names.

    Args:
        path: the file.
        content: what it is expected to hold, for error messages.

    Raises:
        ModelFileError: when the file does not exist, is damaged, is not HDF5 or refers to other files; also
            when a dataset turns out to be damaged while it is read.
    """
    if not path.exists():
        raise MissingModelError(f"{path}: no such file: expected an HDF5 file of {content}")
    try:
        with _opened(path) as file:
            yield _find_datasets(file)
    except UnsafeHdf5Error as error:
        raise ModelFileError(f"{path}: cannot read the {content}: {error}") from None
    except HDF5_ERRORS as error:
        raise ModelFileError(
            f"{path}: cannot read the {content}: damaged or not an HDF5 file ({first_line(error)})"
        ) from None


def first_line(error: BaseException) -> str:
    """Return the first line of a message; those of the HDF5 library have many."""
    return str(error).split("\n", 1)[0]


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if path.exists() and not path.is_file():  # opening a pipe would wait forever
        raise UnsafeHdf5Error("a directory, pipe or device, expected a file")
    with h5py.File(path, "r") as file:
        yield file


def _find_datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return all datasets of a file by their full names.

    Raises:
        UnsafeHdf5Error: when a link leads out of the file, or there are more groups and datasets, or more
            levels of them, than any file of weights has.
    """
    datasets: dict[str, h5py.Dataset] = {}
    # Groups may contain each other, so an object is visited once.
    seen = {_address(file)}
    remaining: list[tuple[str, h5py.Group, int]] = [("", file, 1)]
    while remaining:
        prefix, group, depth = remaining.pop()
        for own_name in group:
            name = f"{prefix}{own_name}"
            link = group.get(own_name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise UnsafeHdf5Error(
                    f"{name}: a link into another file ({link.filename}), which is not read"
                )
            if not isinstance(link, h5py.HardLink):
                continue  # a second name for something in this file
            item = group[own_name]
            if _address(item) in seen:
                continue
            seen.add(_address(item))
            if len(seen) > _MAX_OBJECTS:
                raise UnsafeHdf5Error(
                    f"more than {_MAX_OBJECTS:,} groups and datasets, not a file of weights"
                )
            if isinstance(item, h5py.Dataset):
                datasets[name] = item
            elif isinstance(item, h5py.Group):
                if depth == _MAX_DEPTH:
                    raise UnsafeHdf5Error(f"groups nested more than {_MAX_DEPTH} deep, not a file of weights")
                remaining.append((f"{name}/", item, depth + 1))
    return datasets


def _address(item: h5py.Group | h5py.Dataset | h5py.Datatype) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def read_floats(dataset: h5py.Dataset) -> np.ndarray:
    """Return all values of a dataset as float32; values too large for it become infinite.

    Raises:
        ValueError: when the values are not floating-point numbers, and as :func:`check_storage`.
    """
    if dataset.dtype.kind != "f":
        raise ValueError(f"expected floating-point numbers, got {dataset.dtype}")
    check_storage(dataset)
    with np.errstate(over="ignore"):
        return np.asarray(dataset[()]).astype(np.float32, copy=False)


def check_storage(dataset: h5py.Dataset) -> None:
    """Check that a dataset's values are in its file, all of them, before memory is allocated for them.

    Raises:
        UnsafeHdf5Error: when they are in other files.
        ValueError: when it has no values, or the file holds none or too few bytes for its size.
    """
    if dataset.shape is None:
        raise ValueError("no values")
    properties = dataset.id.get_create_plist()
    if properties.get_layout() == h5py.h5d.VIRTUAL:
        raise UnsafeHdf5Error("a view of datasets in other files (virtual), which are not read")
    if properties.get_external_count():
        names = ", ".join(
            properties.get_external(k)[0].decode("utf-8", "replace")
            for k in range(min(properties.get_external_count(), 3))
        )
        raise UnsafeHdf5Error(f"its values are in another file ({names}), which is not read")
    stored, claimed = dataset.id.get_storage_size(), dataset.size * dataset.dtype.itemsize
    if claimed > _FREE_OF_RATIO_BYTES + _MAX_RATIO * stored:
        raise ValueError(f"the file holds {stored} bytes for a size of {claimed} bytes")
    if dataset.size and dataset.id.get_space_status() != h5py.h5d.SPACE_STATUS_ALLOCATED:
        # The library would return the fill value, usually zero, in their place.
        raise ValueError(f"never written, or only in part: the file holds {stored} of {claimed} bytes")


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
