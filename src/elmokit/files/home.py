"""Paths that begin with ``~``."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` replaced by the home directory.

    The shell does this only at the beginning of an unquoted word, and nobody does it for a path in Python.
    The home of an unknown user is left as it is.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111  # Path.expanduser fails for an unknown user
