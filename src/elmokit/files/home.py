"""Paths as users give them: ``~``, and things that are no paths."""

from __future__ import annotations

import os
from pathlib import Path

from elmokit.arguments import described
from elmokit.errors import ConfigError


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path as text.

    Raises:
        ConfigError: if it is no path, such as a number or a list.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"expected a path, got {described(path)}")
    return os.fspath(path)


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` replaced by the home directory.

    The shell does this only at the beginning of an unquoted word, and nobody does it for a path in Python.
    The home of an unknown user is left as it is.

    Raises:
        ConfigError: if it is no path, such as a number or a list.
    """
    return Path(os.path.expanduser(path_text(path)))  # noqa: PTH111  # Path.expanduser fails for an unknown user
