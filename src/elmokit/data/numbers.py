"""Checking whole numbers that are given from Python, such as the size of a batch."""

from __future__ import annotations

import operator
from typing import Any

from elmokit.errors import ConfigError


def whole_number(name: str, value: Any, *, least: int | None = None) -> int:
    """Return a whole number of any kind, such as NumPy's, as Python's.

    Args:
        name: what messages call it.
        value: the number; ``True`` is none.
        least: the smallest one that is allowed; None for any.

    Raises:
        ConfigError: when it is something else, or too small.
    """
    try:
        number = operator.index(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError, RuntimeError):  # of an array with many numbers
        number = None
    if number is None:
        raise ConfigError(f"{name}: expected a whole number, got {_described(value)}")
    if least is not None and number < least:
        raise ConfigError(f"{name}: expected at least {least}, got {number}")
    return number


def _described(value: Any) -> str:
    return repr(value) if isinstance(value, bool | float | str | type(None)) else type(value).__name__
