"""Writes TensorFlow's V2 checkpoints, good and bad ones."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from elmokit.errors import ModelFileError
from elmokit.formats.tensorflow.tensor_bundle import TensorBundle

DTYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "float16": 19}


def varint(value: int) -> bytes:
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def number(field_number: int, value: int) -> bytes:
    return varint(field_number << 3) + varint(value) if value else b""  # zero is the default


def message(field_number: int, content: bytes) -> bytes:
    return varint(field_number << 3 | 2) + varint(len(content)) + content


def fixed32(field_number: int, value: int) -> bytes:
    return varint(field_number << 3 | 5) + struct.pack("<I", value)


def mask(checksum: int) -> int:
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def header(*, num_shards: int = 1, endianness: int = 0, min_consumer: int = 0) -> bytes:
    return number(1, num_shards) + number(2, endianness) + message(3, number(1, 1) + number(2, min_consumer))


def entry(
    dtype: int, shape: Sequence[int], shard: int, offset: int, size: int, checksum: int, more: bytes = b""
) -> bytes:
    dimensions = b"".join(message(2, number(1, dimension)) for dimension in shape)
    return (
        number(1, dtype)
        + message(2, dimensions)
        + number(3, shard)
        + number(4, offset)
        + number(5, size)
        + fixed32(6, checksum)
        + more
    )


def block(rows: Sequence[tuple[bytes, bytes]], interval: int = 16) -> bytes:
    content, restarts, before = b"", [], b""
    for k, (key, value) in enumerate(rows):
        shared = 0
        if k % interval == 0:
            restarts.append(len(content))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return content + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


@dataclass
class Table:
    """A LevelDB table, every part of which can be made wrong before its checksum is computed."""

    rows_per_block: int = 1000
    compression: int = 0
    change_block: Callable[[bytes], bytes] = field(default=lambda block: block)
    change_handle: Callable[[int, int], tuple[int, int]] = field(default=lambda offset, size: (offset, size))
    content: bytes = b""

    def build(self, rows: Sequence[tuple[bytes, bytes]]) -> bytes:
        handles = []
        for start in range(0, len(rows), self.rows_per_block):
            part = rows[start : start + self.rows_per_block]
            handles.append((part[-1][0], self._add(self.change_block(block(part)))))
        metaindex = self._add(block([]))
        index = self._add(block(handles, interval=1))
        return self.content + (metaindex + index).ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")

    def _add(self, content: bytes) -> bytes:
        offset = len(self.content)
        sealed = content + bytes([self.compression])
        self.content += sealed + struct.pack("<I", mask(google_crc32c.value(sealed)))
        return b"".join(map(varint, self.change_handle(offset, len(content))))


@dataclass
class BundleWriter:
    """Writes tensors as TensorFlow does; what is in ``changes`` replaces arguments of :func:`entry`."""

    prefix: Path
    num_shards: int = 1
    header: bytes | None = None
    table: Table = field(default_factory=Table)
    changes: dict[str, dict[str, object]] = field(default_factory=dict)

    def write(self, tensors: Mapping[str, np.ndarray]) -> Path:
        self.prefix.parent.mkdir(exist_ok=True)
        self.prefix.with_name(f"{self.prefix.name}.index").write_bytes(
            self.table.build(list(self._rows(tensors)))
        )
        return self.prefix

    def _rows(self, tensors: Mapping[str, np.ndarray]) -> Iterator[tuple[bytes, bytes]]:
        yield b"", header(num_shards=self.num_shards) if self.header is None else self.header
        shards = [b""] * self.num_shards
        for k, name in enumerate(sorted(tensors)):
            values, shard = tensors[name], k % self.num_shards
            arguments: dict[str, object] = {
                "dtype": DTYPES[values.dtype.name],
                "shape": values.shape,
                "shard": shard,
                "offset": len(shards[shard]),
                "size": values.nbytes,
                "checksum": mask(google_crc32c.value(values.tobytes())),
            }
            shards[shard] += values.tobytes()
            yield name.encode(), entry(**(arguments | self.changes.get(name, {})))  # type: ignore[arg-type]
        for shard, content in enumerate(shards):
            name = f"{self.prefix.name}.data-{shard:05d}-of-{self.num_shards:05d}"
            self.prefix.with_name(name).write_bytes(content)


@pytest.fixture
def bundle_writer(tmp_path: Path) -> Callable[..., BundleWriter]:
    return lambda **settings: BundleWriter(tmp_path / "bundle" / "model.ckpt-7", **settings)


@pytest.fixture
def table() -> type[Table]:
    return Table


@pytest.fixture
def bundle_header() -> Callable[..., bytes]:
    return header


@pytest.fixture
def protobuf() -> Callable[[int, bytes], bytes]:
    """A field that holds a message."""
    return message


@pytest.fixture
def index_problem() -> Callable[[Path], str]:
    """What is wrong with the index of a checkpoint, given its prefix."""

    def problem(prefix: Path) -> str:
        with pytest.raises(ModelFileError) as caught:
            TensorBundle.open(prefix)
        message = str(caught.value)
        assert message.isprintable(), "one line"
        start = f"{prefix}.index: damaged, or not the index of a TensorFlow checkpoint: "
        assert message.startswith(start)
        return message.removeprefix(start)

    return problem
