"""The layout of ``.bin`` files of fastText.

The programs that read them take what is missing in a damaged file from memory, or ask for any amount of it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from elmokit.errors import ModelFileError
from elmokit.files.listing import require_regular_file

MAGIC = struct.pack("<i", 793712314)
"""The first bytes of a file."""

_VERSIONS = (11, 12)
_ARGUMENTS = struct.Struct("<12id")
_DICTIONARY = struct.Struct("<iiiqq")
_ENTRY_END = struct.Struct("<qb")  # after a word and its NUL: count, kind
_SHAPE = struct.Struct("<qq")
_BLOCK_BYTES = 1 << 20
_LONGEST_WORD = 1 << 16  # bytes


def check_fasttext_model(path: Path) -> None:
    """Check that a file has all that its beginning promises.

    Raises:
        ModelFileError: if it is missing, damaged, or a compressed model, whose vectors cannot be read.
    """
    try:
        require_regular_file(path)
        with path.open("rb") as file:
            _check(file, path.stat().st_size)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot read: {error.strerror or error}") from None
    except (ValueError, struct.error) as error:
        problem = str(error) if isinstance(error, ValueError) else "it ends too early"
        raise ModelFileError(
            f"{path}: cannot read the fastText model: {problem}: copy or download it again"
        ) from None


def _check(file: BinaryIO, size: int) -> None:
    magic, version = struct.unpack("<4si", file.read(8))
    if magic != MAGIC or version not in _VERSIONS:
        raise ValueError(f"expected version {' or '.join(map(str, _VERSIONS))}, got {version}")
    dim = struct.unpack_from("<i", _read(file, _ARGUMENTS.size))[0]
    num_entries, _, _, _, num_pruned = _DICTIONARY.unpack(_read(file, _DICTIONARY.size))
    _skip_entries(file, num_entries, size)
    file.seek(max(num_pruned, 0) * 8, 1)
    for name in ("input", "output"):
        if _read(file, 1) != b"\0":
            raise ValueError("it is a compressed model (.ftz), use the .bin file instead")
        num_rows, width = _SHAPE.unpack(_read(file, _SHAPE.size))
        if width != dim or num_rows < 0:
            raise ValueError(f"expected {name} vectors of width {dim}, got a matrix {num_rows} x {width}")
        file.seek(4 * num_rows * width, 1)
    if file.tell() != size:
        raise ValueError(f"expected {file.tell()} bytes, got {size}")


def _read(file: BinaryIO, num_bytes: int) -> bytes:
    content = file.read(num_bytes)
    if len(content) != num_bytes:
        raise ValueError("it ends too early")
    return content


def _skip_entries(file: BinaryIO, num_entries: int, size: int) -> None:
    """Move past the words, which end with NUL and are followed by numbers."""
    if not 0 <= num_entries <= size:
        raise ValueError(f"it promises {num_entries} words")
    content, at = b"", 0
    for _ in range(num_entries):
        while (end := content.find(b"\0", at)) < 0 or len(content) < end + 1 + _ENTRY_END.size:
            if len(content) - at > _LONGEST_WORD:
                raise ValueError("a word has no end")
            block = file.read(_BLOCK_BYTES)
            if not block:
                raise ValueError("it ends among the words")
            content, at = content[at:] + block, 0
        at = end + 1 + _ENTRY_END.size
    file.seek(at - len(content), 1)
