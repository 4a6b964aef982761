"""Checksums of files and plain values, in hexadecimal: BLAKE2b of 128 bits, unless another one is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from elmokit.files.listing import require_regular_file

_DIGEST_BYTES = 16


def file_checksum(path: Path) -> str:
    """Return the checksum of a file.

    Raises:
        OSError: when it cannot be read, or is not a regular file: a pipe might never end.
    """
    with _opened(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, which processors compute at twice the speed of BLAKE2b.

    Raises:
        OSError: as :func:`file_checksum`.
    """
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def values_checksum(values: Mapping[str, Any]) -> str:
    """Return the checksum of values that JSON can hold; the order of keys does not matter."""
    return text_checksum(json.dumps(values, sort_keys=True))


def text_checksum(text: str) -> str:
    """Return the checksum of a text, which may have come from a command line that is not UTF-8."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()


def _opened(path: Path) -> BufferedReader:
    require_regular_file(path)
    return path.open("rb")
