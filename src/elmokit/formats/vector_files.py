"""Files of sentence vectors: HDF5 or Parquet, as the name of the output says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmokit.errors import ConfigError, OutputError
from elmokit.formats.bilm_hdf5_files import HDF5_SUFFIXES
from elmokit.formats.parquet_part import Row, VectorLayout, require_pyarrow
from elmokit.formats.parquet_vectors import (
    PARQUET_SUFFIX,
    refuse_other_content,
    write_parquet_vectors,
)
from elmokit.formats.sentence_vectors import write_sentence_vectors
from elmokit.formats.vector_choices import DEFAULT_FILE_BYTES, VectorType
from elmokit.formats.vector_types import Deviation, stored_as


@dataclass(frozen=True)
class WrittenVectors:
    """What has been written."""

    num_lines: int
    largest_deviation: float
    """Largest difference between a component as it was computed and as it is stored."""
    relative_deviation: float
    """Norm of all differences together, as a share of the norm of all vectors."""
    num_files: int


def check_vector_output(output: Path, dtype: VectorType) -> None:
    """Check what can be checked before there are vectors.

    Raises:
        OutputError: If no format of vectors has the suffix of ``output``, or something else is there.
        ConfigError: If the format cannot store vectors as ``dtype``.
        MissingExtraError: If a package to write the format is missing.
    """
    suffix = output.suffix.lower()
    if suffix == PARQUET_SUFFIX:
        require_pyarrow("writing Parquet files")
        refuse_other_content(output)
    elif output.is_dir():
        raise OutputError(f"'{output}' is a directory, expected a file name")
    elif suffix and suffix not in HDF5_SUFFIXES:
        raise OutputError(
            f"{output}: vectors are written as HDF5 or Parquet, not as {output.suffix}: choose a name that "
            f"ends in .hdf5 or {PARQUET_SUFFIX}"
        )
    elif dtype == "int8":
        raise ConfigError(
            f"{output}: int8 vectors have a scale each, which HDF5 files of vectors have no place for: "
            f"choose a name that ends in {PARQUET_SUFFIX}, or float16"
        )


def write_vectors(
    output: Path, rows: Iterable[Row], layout: VectorLayout, *, file_bytes: int = DEFAULT_FILE_BYTES
) -> WrittenVectors:
    """Write vectors as they are computed.

    Args:
        output: An HDF5 file, or for a name that ends in ``.parquet`` a directory; it appears once it is
            complete.
        rows: Line number, tokens and vectors of each line, in the order of the lines.
        layout: What the vectors are.
        file_bytes: Approximate size of the largest Parquet file.

    Raises:
        OutputError: If it cannot be written, or something else is there.
        ConfigError: As :func:`check_vector_output`.
        MissingExtraError: As :func:`check_vector_output`.
    """
    check_vector_output(output, layout.dtype)
    if output.suffix.lower() == PARQUET_SUFFIX:
        manifest = write_parquet_vectors(output, rows, layout, file_bytes=file_bytes)
        return WrittenVectors(
            manifest["num_rows"],
            manifest["largest_deviation"],
            manifest["relative_deviation"],
            len(manifest["files"]),
        )
    deviation = Deviation()

    def datasets() -> Iterator[tuple[str, np.ndarray]]:
        for number, _, vectors in rows:
            stored = stored_as(vectors, layout.dtype)
            deviation.add(vectors, stored)
            yield str(number), stored.values

    num_lines = write_sentence_vectors(output, datasets())
    return WrittenVectors(num_lines, deviation.largest, deviation.relative, 1)
