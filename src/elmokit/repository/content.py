"""Whether a downloaded file is what its name says.

Hotspots and proxies answer any request with a page of their own and with status 200, and a connection that
ends early cannot be told from a complete file if the server has not announced the size.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from elmokit.data.remote_text import is_web_page
from elmokit.files.json_table import read_json

_BEGINNING_BYTES = 4096
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SUPERBLOCKS = (0, 512, 1024, 2048, 4096)  # possible positions, after a block of the user's
_SUPERBLOCK_BYTES = 64


def content_problem(path: Path, suffix: str | None = None) -> str | None:
    """Return what a file is if it cannot be what the suffix of its name says; None if it may be that.

    HDF5 and ZIP files must have their ends, JSON must be valid, and no file may be a web page.

    Args:
        path: the file.
        suffix: the suffix of the name that it will have; that of ``path`` by default.

    Raises:
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        if is_web_page(file.read(_BEGINNING_BYTES)):
            return "a web page, as a hotspot, a proxy or a login page sends it"
    match (path.suffix if suffix is None else suffix).lower():
        case ".hdf5" | ".h5":
            return _hdf5_problem(path)
        case ".zip":
            return None if zipfile.is_zipfile(path) else "something else than a complete ZIP archive"
        case ".json":
            return _json_problem(path)
    return None


def _hdf5_problem(path: Path) -> str | None:
    """Compare the size with the one that the superblock states; the file is not opened as HDF5."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in _SUPERBLOCKS:
            file.seek(start)
            block = file.read(_SUPERBLOCK_BYTES)
            if block.startswith(_HDF5_SIGNATURE) and len(block) == _SUPERBLOCK_BYTES:
                position, width = _end_of_file_field(block)
                end = int.from_bytes(block[position : position + width], "little")
                return "an HDF5 file without its end" if size < end else None
    return "something else than an HDF5 file"


def _end_of_file_field(block: bytes) -> tuple[int, int]:
    """Return where a superblock states the size of its file: position and width of the number."""
    version = block[8]
    width, first = (block[13], 24 + 4 * version) if version < 2 else (block[9], 12)
    return first + 2 * min(width, 8), min(width, 8)  # after the base address and another one


def _json_problem(path: Path) -> str | None:
    try:
        read_json(path)
    except (ValueError, RecursionError):
        return "something else than JSON"
    return None
