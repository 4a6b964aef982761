"""Reading the JSON files of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from elmokit.errors import MissingModelError, ModelFileError


def read_json_table(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ModelFileError: when the file is missing, not valid JSON, or not a JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        kind = MissingModelError if isinstance(error, FileNotFoundError) else ModelFileError
        raise kind(f"{path}: cannot read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # invalid UTF-8 and deep nesting, too
        raise ModelFileError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise ModelFileError(f"{path}: expected a table, got {type(values).__name__}")
    return values
