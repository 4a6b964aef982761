"""Checksums of files and of plain values: BLAKE2b of 128 bits, in hexadecimal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DIGEST_BYTES = 16


def file_checksum(path: Path) -> str:
    """The checksum of a file.

    Raises:
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)).hexdigest()


def values_checksum(values: Mapping[str, Any]) -> str:
    """The checksum of values that JSON can hold, whatever the order of their keys."""
    return text_checksum(json.dumps(values, sort_keys=True))


def text_checksum(text: str) -> str:
    """The checksum of a text, as a name for what it describes."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
