"""Directories of Parquet files with sentence vectors, for more text than one HDF5 file can hold.

Files ``part-00000.parquet``, ``part-00001.parquet``, … of bounded size, see
:mod:`elmokit.formats.parquet_part`, and ``_manifest.json``: what the vectors are, and for each file its first
line, its number of lines, its size and its SHA-256. Other tools skip names that begin with ``_``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from elmokit.arguments import checked
from elmokit.errors import ModelFileError, OutputError
from elmokit.files.atomic import new_directory
from elmokit.files.checksums import file_sha256
from elmokit.files.home import expanded
from elmokit.files.json_table import read_json_table
from elmokit.formats.parquet_part import PartWriter, Row, VectorLayout, read_part
from elmokit.formats.vector_choices import DEFAULT_FILE_BYTES
from elmokit.formats.vector_types import Deviation

PARQUET_SUFFIX = ".parquet"
MANIFEST = "_manifest.json"

_FORMAT = "elmokit sentence vectors"
_FORMAT_VERSION = 1


def part_name(number: int) -> str:
    """Return the name of the file with this number, from 0."""
    return f"part-{number:05d}{PARQUET_SUFFIX}"


def write_parquet_vectors(
    directory: Path,
    rows: Iterable[Row],
    layout: VectorLayout,
    *,
    file_bytes: int = DEFAULT_FILE_BYTES,
    deviation: Deviation | None = None,
) -> dict[str, Any]:
    """Write vectors as they are computed.

    Args:
        directory: Appears once it is complete. One that was written earlier is replaced.
        rows: Line number, tokens and vectors of each line, in the order of the lines.
        layout: What the vectors are.
        file_bytes: Approximate size of the largest file.
        deviation: Is told how much the stored vectors differ from the given ones.

    Returns:
        The manifest.

    Raises:
        OutputError: If it cannot be written, or something else is there.
        MissingExtraError: If pyarrow is not installed.
    """
    refuse_other_content(directory)
    deviation = deviation or Deviation()
    files: list[dict[str, Any]] = []
    with new_directory(directory) as temporary:
        remaining = iter(rows)
        is_complete = False
        while not is_complete:
            path = temporary / part_name(len(files))
            is_complete = _write_part(path, remaining, layout, deviation, file_bytes, files)
        manifest = manifest_of(layout, files, deviation)
        write_manifest(temporary, manifest)
    return manifest


def _write_part(
    path: Path,
    rows: Iterator[Row],
    layout: VectorLayout,
    deviation: Deviation,
    file_bytes: int,
    files: list[dict[str, Any]],
) -> bool:
    """Write one file and add it to the list; return whether the rows have ended."""
    with ExitStack() as stack:
        writer = None
        for row in rows:
            if writer is None:
                writer = stack.enter_context(PartWriter(path, layout, deviation))
            writer.add(row)
            if writer.num_bytes >= file_bytes:
                break
        else:
            if writer is None and files:
                return True  # the file before was full when the rows ended
            if writer is None:  # an empty text has one file without rows
                writer = stack.enter_context(PartWriter(path, layout, deviation))
    assert writer is not None
    files.append(entry_of(path, writer.first_id, writer.num_rows))
    return writer.num_bytes < file_bytes


def entry_of(path: Path, first_id: int | None, num_rows: int) -> dict[str, Any]:
    """Return what the manifest says of a file."""
    return {
        "name": path.name,
        "first_id": first_id,
        "num_rows": num_rows,
        "num_bytes": path.stat().st_size,
        "sha256": file_sha256(path),
    }


def manifest_of(layout: VectorLayout, files: list[dict[str, Any]], deviation: Deviation) -> dict[str, Any]:
    """Return a manifest."""
    return {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        **asdict(layout),
        "columns": list(layout.columns),
        "num_rows": sum(file["num_rows"] for file in files),
        "largest_deviation": deviation.largest,
        "relative_deviation": deviation.relative,
        "files": files,
    }


def write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest, the last file of a directory."""
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def read_manifest(directory: Path) -> dict[str, Any]:
    """Read the manifest of a directory.

    Raises:
        ModelFileError: If there is none, or it is damaged.
    """
    manifest = read_json_table(directory / MANIFEST)
    if manifest.get("format") != _FORMAT or manifest.get("format_version") != _FORMAT_VERSION:
        raise ModelFileError(
            f"{directory / MANIFEST}: expected {_FORMAT}, version {_FORMAT_VERSION}, got "
            f"{manifest.get('format')!r}, version {manifest.get('format_version')!r}"
        )
    return manifest


def layout_of(manifest: dict[str, Any]) -> VectorLayout:
    """Return what the vectors of a directory are."""
    return VectorLayout(
        layers=manifest["layers"],
        num_layers=manifest["num_layers"],
        dim=manifest["dim"],
        dtype=manifest["dtype"],
        model=manifest["model"],
    )


@checked
def read_parquet_vectors(directory: str | Path, *, verify: bool = True) -> Iterator[Row]:
    """Read a directory of vectors, in bounded memory.

    Args:
        directory: What ``elmokit embed`` wrote.
        verify: Compare each file with its checksum before it is read.

    Yields:
        Number of the line, tokens, and float32 vectors (L, tokens, D), or (tokens, D) for one layer.

    Raises:
        ModelFileError: If the manifest is missing or damaged, or a file is missing or has changed.
        MissingExtraError: If pyarrow is not installed.
    """
    directory = expanded(directory)
    manifest = read_manifest(directory)
    layout = layout_of(manifest)
    for file in manifest["files"]:
        path = directory / file["name"]
        if not path.is_file():
            raise ModelFileError(f"{path}: missing, but {MANIFEST} lists it: copy the directory again")
        if verify and file_sha256(path) != file["sha256"]:
            raise ModelFileError(f"{path}: damaged (wrong checksum): copy or write it again")
        yield from read_part(path, layout)


def refuse_other_content(directory: Path) -> None:
    """Refuse to write where something else is than vectors written earlier, or an empty directory.

    Raises:
        OutputError: naming what is there.
    """
    try:
        names = {path.name for path in directory.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise OutputError(
            f"{directory}: a file; vectors as Parquet are a directory of files: choose another name, or "
            "delete it"
        ) from None
    except OSError as error:
        raise OutputError(f"{directory}: cannot write: {error.strerror or error}") from error
    if names and MANIFEST not in names:
        raise OutputError(
            f"{directory}: not empty and not a directory of vectors (contains {min(names)}): choose another "
            "name, or delete it"
        )
    foreign = {name for name in names if name != MANIFEST and not name.endswith(PARQUET_SUFFIX)}
    if foreign:
        raise OutputError(
            f"{directory}: contains {min(foreign)}, which would be deleted: choose another name, or move it"
        )
