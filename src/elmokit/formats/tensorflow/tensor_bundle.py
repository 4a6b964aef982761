"""Reading TensorFlow's V2 checkpoints, also called tensor bundles, without TensorFlow.

``PREFIX.index`` is a sorted table. Its keys are the names of the tensors; its values are protocol buffers
with the position of a tensor in ``PREFIX.data-00000-of-00001``, in C order and little-endian. The first key
is empty and holds a header.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from elmokit.errors import ElmokitError, MissingModelError, ModelFileError
from elmokit.formats.tensorflow.protobuf import Fields, as_bytes, integer, parse_fields, submessage
from elmokit.formats.tensorflow.sorted_table import crc32c, masked, table_rows

DTYPES: Final[Mapping[int, np.dtype]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    9: np.dtype("<i8"),
    19: np.dtype("<f2"),
}
"""The data types that can be read, by TensorFlow's numbers."""

_BUNDLE_VERSION = 1
_CHUNK_BYTES = 1 << 20
# A thousand times as much as for the largest biLM: a file with more is something else and costs no memory.
_MAX_INDEX_BYTES = 1 << 24
_MAX_TENSORS = 100_000
_MAX_DIMENSIONS = 32


@dataclass(frozen=True)
class TensorEntry:
    """The description of a tensor in the index."""

    dtype: int
    """TensorFlow's number of the data type."""
    shape: tuple[int, ...]
    shard: int
    offset: int
    """Position of its first byte in its data file."""
    size: int
    """Number of bytes."""
    checksum: int
    """Masked CRC-32C of these bytes."""
    is_sliced: bool
    """Whether it is a partitioned variable, which is saved in parts and not as a whole."""

    @property
    def is_readable(self) -> bool:
        """Whether it is saved whole with a type of :data:`DTYPES`; then its size matches its shape."""
        return self.dtype in DTYPES and not self.is_sliced


@dataclass(frozen=True)
class TensorBundle:
    """A checkpoint whose index has been read and whose data files exist and are long enough."""

    prefix: Path
    num_shards: int
    entries: Mapping[str, TensorEntry]

    @classmethod
    def open(cls, prefix: Path) -> TensorBundle:
        """Read the index.

        Args:
            prefix: the common start of the paths of its files, e.g. ``.../model.ckpt-90``.

        Raises:
            ModelFileError: when the index is missing or damaged, or data files are missing or truncated.
            MissingExtraError: when the package that computes checksums is not installed.
        """
        path = prefix.with_name(f"{prefix.name}.index")
        with _reading(path):
            if not path.is_file():
                raise MissingModelError(
                    f"{path}: no such file: expected the index of a TensorFlow checkpoint, "
                    "given by its prefix, e.g. model.ckpt-90"
                )
            if path.stat().st_size > _MAX_INDEX_BYTES:
                raise ModelFileError(f"{path}: larger than the index of any biLM checkpoint")
            content = path.read_bytes()
        try:
            num_shards, entries = _read_index(content)
        except ValueError as error:
            raise ModelFileError(
                f"{path}: damaged, or not the index of a TensorFlow checkpoint: {error}"
            ) from None
        bundle = cls(prefix, num_shards, entries)
        bundle._check_data_files()
        return bundle

    def read(self, name: str) -> np.ndarray:
        """Read a tensor for which ``is_readable`` is true, and verify its checksum.

        Raises:
            ModelFileError: when the checksum is wrong.
        """
        entry = self.entries[name]
        values = np.empty(entry.shape, DTYPES[entry.dtype])
        raw = values.reshape(-1).view(np.uint8)
        path = self._data_file(entry.shard)
        checksum = start = 0
        with _reading(path), path.open("rb") as file:
            file.seek(entry.offset)
            while start < entry.size:
                chunk = file.read(min(_CHUNK_BYTES, entry.size - start))
                if not chunk:
                    break
                raw[start : start + len(chunk)] = np.frombuffer(chunk, np.uint8)
                checksum = crc32c(chunk, checksum)
                start += len(chunk)
        if masked(checksum) != entry.checksum:
            raise ModelFileError(
                f"{path}: {name}: damaged (wrong checksum): copy the checkpoint again, or use another one"
            )
        return values

    def _data_file(self, shard: int) -> Path:
        return self.prefix.with_name(f"{self.prefix.name}.data-{shard:05d}-of-{self.num_shards:05d}")

    def _check_data_files(self) -> None:
        ends: dict[int, int] = {}
        for entry in self.entries.values():
            ends[entry.shard] = max(ends.get(entry.shard, 0), entry.offset + entry.size)
        missing, truncated = [], []
        for shard, end in sorted(ends.items()):
            path = self._data_file(shard)
            with _reading(path):
                size = path.stat().st_size if path.is_file() else None
            if size is None:
                missing.append(f"{path}: no such file: expected the tensors of {self.prefix.name}.index")
            elif size < end:
                truncated.append(f"{path}: truncated: {size} bytes, expected at least {end}")
        if missing or truncated:
            kind = MissingModelError if missing else ModelFileError
            raise kind("; ".join([*missing, *truncated]))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except ElmokitError:  # some are an OSError as well
        raise
    except OSError as error:
        raise ModelFileError(f"{path}: cannot read: {error.strerror or error}") from None


def _read_index(content: bytes) -> tuple[int, dict[str, TensorEntry]]:
    """Return the number of data files and the tensors; ValueError says what is wrong."""
    rows = table_rows(content)
    key, header_bytes = next(rows, (b"-", b""))
    if key != b"":
        raise ValueError("no header")
    header = parse_fields(header_bytes)
    num_shards = integer(header, 1)
    if integer(header, 2) != 0:
        raise ValueError("written on a big-endian machine, expected little-endian numbers")
    if (needed := integer(submessage(header, 3), 2)) > _BUNDLE_VERSION:
        raise ValueError(f"needs a reader of version {needed}, this one has version {_BUNDLE_VERSION}")
    entries: dict[str, TensorEntry] = {}
    for key, value in rows:
        if len(entries) == _MAX_TENSORS:
            raise ValueError(f"more than {_MAX_TENSORS} tensors")
        name = key.decode("utf-8", "backslashreplace")
        if not name.isprintable():  # the keys of slices are not text
            name = ascii(name)
        entries[name] = _entry(name, parse_fields(value), num_shards)
    return num_shards, entries


def _entry(name: str, fields: Fields, num_shards: int) -> TensorEntry:
    dimensions = submessage(fields, 2).get(2, [])
    if len(dimensions) > _MAX_DIMENSIONS:
        raise ValueError(f"{name}: {len(dimensions)} dimensions, expected at most {_MAX_DIMENSIONS}")
    entry = TensorEntry(
        dtype=integer(fields, 1),
        shape=tuple(integer(parse_fields(as_bytes(dimension)), 1) for dimension in dimensions),
        shard=integer(fields, 3),
        offset=integer(fields, 4),
        size=integer(fields, 5),
        checksum=integer(fields, 6),
        is_sliced=7 in fields,
    )
    if entry.shard >= num_shards:
        raise ValueError(f"{name}: in data file {entry.shard} of {num_shards}")
    if entry.is_readable:
        expected = math.prod(entry.shape) * DTYPES[entry.dtype].itemsize
        if entry.size != expected or any(size >= 1 << 62 for size in entry.shape):
            raise ValueError(f"{name}: {entry.size} bytes, expected {expected} for shape {entry.shape}")
    return entry
