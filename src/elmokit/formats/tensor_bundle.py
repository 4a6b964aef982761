"""TensorFlow's V2 checkpoints, which it calls tensor bundles, read without TensorFlow.

``PREFIX.index`` is a sorted table. Its keys are the tensors' names; its values are protocol buffers that
say where in ``PREFIX.data-00000-of-00001`` a tensor lies, in C order and little-endian. The empty key, the
first of all, holds a header.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from elmokit.errors import ModelFileError
from elmokit.formats.sorted_table import crc32c, masked, table_rows, varint

DTYPES: Final[Mapping[int, np.dtype]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    9: np.dtype("<i8"),
    19: np.dtype("<f2"),
}
"""TensorFlow's numbers of the types that can be read."""

_BUNDLE_VERSION = 1
_CHUNK_BYTES = 1 << 20
# A thousand times those of the largest biLM: a file with more is none, and shall cost no memory.
_MAX_INDEX_BYTES = 1 << 24
_MAX_TENSORS = 100_000
_MAX_DIMENSIONS = 32


@dataclass(frozen=True)
class TensorEntry:
    """What the index says of a tensor."""

    dtype: int
    """TensorFlow's number of it."""
    shape: tuple[int, ...]
    shard: int
    offset: int
    """Bytes before it in its data file."""
    size: int
    """Bytes that it takes there."""
    checksum: int
    """Masked CRC-32C of these bytes."""
    is_sliced: bool
    """Saved by parts, as partitioned variables are; there are no bytes of the whole then."""

    @property
    def is_readable(self) -> bool:
        """Whether it is whole and of a type of :data:`DTYPES`; its size is known to fit its shape then."""
        return self.dtype in DTYPES and not self.is_sliced


@dataclass(frozen=True)
class TensorBundle:
    """A checkpoint whose index has been read and whose data files are there, long enough."""

    prefix: Path
    num_shards: int
    entries: Mapping[str, TensorEntry]

    @classmethod
    def open(cls, prefix: Path) -> TensorBundle:
        """Read the index.

        Args:
            prefix: the common part of the files' paths, such as ``.../model.ckpt-90``.

        Raises:
            ModelFileError: when the index is damaged or none, or data files are missing or truncated.
            MissingExtraError: when the package that computes checksums is not installed.
        """
        path = prefix.with_name(f"{prefix.name}.index")
        with _reading(path):
            if not path.is_file():
                raise ModelFileError(
                    f"{path}: no such file: expected the index of a TensorFlow checkpoint, "
                    "named by its prefix, such as model.ckpt-90"
                )
            if path.stat().st_size > _MAX_INDEX_BYTES:
                raise ModelFileError(f"{path}: larger than the index of any TensorFlow checkpoint")
            content = path.read_bytes()
        try:
            num_shards, entries = _read_index(content)
        except ValueError as error:
            raise ModelFileError(
                f"{path}: damaged or not the index of a TensorFlow checkpoint: {error}"
            ) from None
        bundle = cls(prefix, num_shards, entries)
        bundle._check_data_files()
        return bundle

    def read(self, name: str) -> np.ndarray:
        """Read a tensor that ``is_readable``, and check it.

        Raises:
            ModelFileError: when its bytes are not those that were written.
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
                f"{path}: {name}: damaged (its checksum is wrong): copy the checkpoint again, or take another"
            )
        return values

    def _data_file(self, shard: int) -> Path:
        return self.prefix.with_name(f"{self.prefix.name}.data-{shard:05d}-of-{self.num_shards:05d}")

    def _check_data_files(self) -> None:
        ends: dict[int, int] = {}
        for entry in self.entries.values():
            ends[entry.shard] = max(ends.get(entry.shard, 0), entry.offset + entry.size)
        faults = []
        for shard, end in sorted(ends.items()):
            path = self._data_file(shard)
            with _reading(path):
                size = path.stat().st_size if path.is_file() else None
            if size is None:
                faults.append(f"{path}: no such file: expected the tensors of {self.prefix.name}.index there")
            elif size < end:
                faults.append(f"{path}: truncated: {size} bytes, expected at least {end}")
        if faults:
            raise ModelFileError("; ".join(faults))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelFileError(f"{path}: cannot read: {error.strerror or error}") from None


def _read_index(content: bytes) -> tuple[int, dict[str, TensorEntry]]:
    """The number of data files and the tensors; ValueError says what is wrong."""
    rows = table_rows(content)
    key, header_bytes = next(rows, (b"-", b""))
    if key != b"":
        raise ValueError("it has no header")
    header = _fields(header_bytes)
    num_shards = _integer(header, 1)
    if _integer(header, 2) != 0:
        raise ValueError("written on a big-endian machine, expected little-endian numbers")
    if (needed := _integer(_message(header, 3), 2)) > _BUNDLE_VERSION:
        raise ValueError(f"it needs a reader of version {needed}, this one has {_BUNDLE_VERSION}")
    entries: dict[str, TensorEntry] = {}
    for key, value in rows:
        if len(entries) == _MAX_TENSORS:
            raise ValueError(f"more than {_MAX_TENSORS} tensors")
        name = key.decode("utf-8", "backslashreplace")
        if not name.isprintable():  # the keys of slices are no text
            name = ascii(name)
        entries[name] = _entry(name, _fields(value), num_shards)
    return num_shards, entries


def _entry(name: str, fields: _Fields, num_shards: int) -> TensorEntry:
    dimensions = _message(fields, 2).get(2, [])
    if len(dimensions) > _MAX_DIMENSIONS:
        raise ValueError(f"{name}: {len(dimensions)} dimensions, expected at most {_MAX_DIMENSIONS}")
    entry = TensorEntry(
        dtype=_integer(fields, 1),
        shape=tuple(_integer(_fields(_as_bytes(dimension)), 1) for dimension in dimensions),
        shard=_integer(fields, 3),
        offset=_integer(fields, 4),
        size=_integer(fields, 5),
        checksum=_integer(fields, 6),
        is_sliced=7 in fields,
    )
    if entry.shard >= num_shards:
        raise ValueError(f"{name}: in data file {entry.shard} of {num_shards}")
    if entry.is_readable:
        expected = math.prod(entry.shape) * DTYPES[entry.dtype].itemsize
        if entry.size != expected or any(size >= 1 << 62 for size in entry.shape):
            raise ValueError(f"{name}: {entry.size} bytes, expected {expected} for shape {entry.shape}")
    return entry


# --- protocol buffers ----------------------------------------------------------------------------

_Fields: TypeAlias = dict[int, list[int | bytes]]


def _fields(message: bytes) -> _Fields:
    """The values of a message by the numbers of their fields, in their order."""
    fields: _Fields = {}
    position = 0
    while position < len(message):
        tag, position = varint(message, position)
        value: int | bytes
        if tag & 7 == 0:
            value, position = varint(message, position)
        else:
            if tag & 7 == 2:
                size, position = varint(message, position)
            elif tag & 7 in (1, 5):
                size = 8 if tag & 7 == 1 else 4
            else:
                raise ValueError(f"a field of the unknown kind {tag & 7}")
            value = message[position : position + size]
            if len(value) < size:
                raise ValueError("a field goes beyond its message")
            position += size
            if tag & 7 != 2:
                value = int.from_bytes(value, "little")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _integer(fields: _Fields, number: int) -> int:
    value = fields.get(number, [0])[-1]
    if not isinstance(value, int):
        raise ValueError(f"field {number} is no number")
    return value


def _message(fields: _Fields, number: int) -> _Fields:
    return _fields(_as_bytes(fields.get(number, [b""])[-1]))


def _as_bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number where a message was expected")
    return value
