"""Paths as users give them: ``~``, and things that are no paths."""

from __future__ import annotations

import os
from pathlib import Path

from elmokit.arguments import path_text


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` replaced by the home directory.

    The shell does this only at the beginning of an unquoted word, and nobody does it for a path in Python.
    The home of an unknown user is left as it is.

    Raises:
        ConfigError: if it is no path, such as a number or a list.
    """
    return Path(os.path.expanduser(path_text(path)))  # noqa: PTH111  # Path.expanduser fails for an unknown user
