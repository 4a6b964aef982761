"""Reading JSON files, of elmokit and of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from elmokit.errors import MissingModelError, ModelFileError
from elmokit.files.listing import require_regular_file


def decoded(content: bytes) -> str:
    """Decode the text of a JSON or TOML file, with or without a byte order mark.

    Editors and shells of Windows write UTF-8 with a mark, or UTF-16.

    Raises:
        UnicodeDecodeError: when it is in no encoding of Unicode.
    """
    text = content.decode(json.detect_encoding(content))
    return text.removeprefix("\ufeff")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        OSError: when it cannot be read, or is not a regular file: a pipe might never end.
        ValueError: when it is not valid JSON; RecursionError when it is nested too deeply.
    """
    require_regular_file(path)
    return json.loads(decoded(path.read_bytes()))


def read_json_table(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ModelFileError: when the file is missing, not valid JSON, or not a JSON object.
    """
    try:
        values = read_json(path)
    except OSError as error:
        kind = MissingModelError if isinstance(error, FileNotFoundError) else ModelFileError
        raise kind(f"{path}: cannot read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # invalid UTF-8 and deep nesting, too
        raise ModelFileError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise ModelFileError(f"{path}: expected a table, got {type(values).__name__}")
    return values
