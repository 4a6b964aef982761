"""One Parquet file of sentence vectors.

Columns: ``id`` (int64, the number of the line), ``tokens`` (list of strings), and for each layer ``layer_0``,
``layer_1``, … a binary value with the (tokens, D) vectors in row-major order, little-endian; ``vectors`` if
there is one layer. int8 vectors come with ``layer_0_scale``, …: one float32 per token.

Binary values rather than nested lists: a list costs Parquet two levels per number, and an int8 four bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from elmokit.errors import MissingExtraError, OutputError
from elmokit.formats.vector_choices import VectorType
from elmokit.formats.vector_types import Deviation, StoredVectors, stored_as

if TYPE_CHECKING:
    from elmokit.model.layer_choice import Layers

_METADATA_KEY = b"elmokit"

_GROUP_BYTES = 1 << 26  # of float32 vectors in memory before a row group is written
_GROUP_ROWS = 1 << 16
_TOKENS = "tokens.list.element"  # what Parquet calls the column
_LARGEST_VALUE = 2**31 - 1  # bytes of one value in a Parquet file


@dataclass(frozen=True)
class VectorLayout:
    """What the vectors of a file are, besides the text."""

    layers: Layers
    num_layers: int
    """Number of layers stored: L for ``all``, else 1."""
    dim: int
    dtype: VectorType
    model: str
    """Fingerprint of the model, see :attr:`elmokit.ElmoEmbedder.fingerprint`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of each layer."""
        if self.layers != "all":
            return ("vectors",)
        return tuple(f"layer_{layer}" for layer in range(self.num_layers))


Row = tuple[int, Sequence[str], np.ndarray]
"""Number of a line, its tokens, its vectors: (L, tokens, D), or (tokens, D) for one layer."""


def require_pyarrow(task: str) -> Any:
    """Return the package pyarrow, with its module ``parquet``.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(task, "parquet") from error
    return pyarrow


class PartWriter:
    """A new Parquet file, to be used as a context manager; rows are written in groups of bounded size.

    Args:
        path: The file.
        layout: What its vectors are.
        deviation: Is told how much the stored vectors differ from the given ones.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """

    def __init__(self, path: Path, layout: VectorLayout, deviation: Deviation) -> None:
        self._arrow = require_pyarrow("writing Parquet files")
        self._layout = layout
        self._schema = _schema(self._arrow, layout)
        leaves = [_TOKENS if name == "tokens" else name for name in self._schema.names]
        self._file = self._arrow.parquet.ParquetWriter(
            path,
            self._schema,
            # Vectors hardly become smaller, and tokens repeat.
            compression={leaf: "zstd" if leaf in ("id", _TOKENS) else "none" for leaf in leaves},
            use_dictionary=[_TOKENS],
            write_statistics=["id"],
            store_schema=True,
        )
        self._itemsize = np.dtype(layout.dtype).itemsize
        self._most_tokens = _LARGEST_VALUE // (4 * layout.dim)
        self._rows: list[Row] = []
        self._waiting_bytes = 0
        self._deviation = deviation
        self.first_id: int | None = None
        self.num_rows = self.num_bytes = 0

    def add(self, row: Row) -> None:
        """Add a line.

        Raises:
            OutputError: If it is too long for a Parquet file.
        """
        number, tokens, vectors = row
        if len(tokens) > self._most_tokens:
            raise OutputError(
                f"line {number}: {len(tokens):,} tokens are too many for a Parquet file: write HDF5, or "
                "split the line"
            )
        self._rows.append(row)
        self._waiting_bytes += vectors.nbytes
        if self.first_id is None:
            self.first_id = number
        self.num_rows += 1
        self.num_bytes += vectors.size * self._itemsize
        if self._waiting_bytes >= _GROUP_BYTES or len(self._rows) >= _GROUP_ROWS:
            self._write_group()

    def _write_group(self) -> None:
        arrow = self._arrow
        ids = np.array([row[0] for row in self._rows], dtype=np.int64)
        lengths = np.array([len(row[1]) for row in self._rows], dtype=np.int64)
        words = [word for _, tokens, _ in self._rows for word in tokens]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        columns = [
            arrow.array(ids),
            arrow.ListArray.from_arrays(
                arrow.array(offsets, arrow.int32()), arrow.array(words, arrow.string())
            ),
        ]
        vectors = np.concatenate([row[2] for row in self._rows], axis=-2)
        for layer in vectors.reshape(self._layout.num_layers, -1, self._layout.dim):
            stored = stored_as(layer, self._layout.dtype)
            self._deviation.add(layer, stored)
            columns.append(self._binary(stored.values, offsets))
            if stored.scales is not None:
                columns.append(self._binary(stored.scales[:, None], offsets))
        self._file.write_table(arrow.Table.from_arrays(columns, schema=self._schema), len(self._rows))
        self._rows, self._waiting_bytes = [], 0

    def _binary(self, values: np.ndarray, offsets: np.ndarray) -> Any:
        """Return one binary value per sentence: the bytes of its rows of ``values`` (tokens, width)."""
        arrow = self._arrow
        values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
        starts = offsets * (values.itemsize * values.shape[1])
        buffers = [None, arrow.py_buffer(starts.astype(np.int64)), arrow.py_buffer(values.reshape(-1).data)]
        return arrow.LargeBinaryArray.from_buffers(arrow.large_binary(), len(offsets) - 1, buffers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._rows:
                self._write_group()
        finally:
            self._file.close()


def read_part(path: Path, layout: VectorLayout) -> Iterator[Row]:
    """Yield the rows of a file, with float32 vectors, in bounded memory."""
    arrow = require_pyarrow("reading Parquet files")
    with arrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                yield row["id"], row["tokens"], _vectors(row, layout)


def _vectors(row: dict[str, Any], layout: VectorLayout) -> np.ndarray:
    layers = []
    for name in layout.columns:
        values = np.frombuffer(row[name], np.dtype(layout.dtype).newbyteorder("<")).reshape(-1, layout.dim)
        scale = row.get(f"{name}_scale")
        layers.append(
            StoredVectors(values, None if scale is None else np.frombuffer(scale, "<f4")).restored()
        )
    return np.stack(layers) if layout.layers == "all" else layers[0]


def _schema(arrow: Any, layout: VectorLayout) -> Any:
    fields = [arrow.field("id", arrow.int64()), arrow.field("tokens", arrow.list_(arrow.string()))]
    for name in layout.columns:
        fields.append(arrow.field(name, arrow.large_binary()))
        if layout.dtype == "int8":
            fields.append(arrow.field(f"{name}_scale", arrow.large_binary()))
    return arrow.schema(fields, metadata={_METADATA_KEY: json.dumps(asdict(layout)).encode()})
