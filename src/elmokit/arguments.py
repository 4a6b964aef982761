"""Checking arguments that are given from Python, such as the size of a batch."""

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
        raise ConfigError(f"{name}: expected a whole number, got {described(value)}")
    if least is not None and number < least:
        raise ConfigError(f"{name}: expected at least {least}, got {number}")
    return number


def share(name: str, value: Any) -> float:
    """Return a number from 0 to 1.

    Args:
        name: what messages call it.
        value: the number, of any kind; ``True`` and text are none.

    Raises:
        ConfigError: when it is something else, or outside of this range.
    """
    try:
        number = None if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, RuntimeError):  # of an array with many numbers
        number = None
    if number is None or not 0.0 <= number <= 1.0:
        raise ConfigError(f"{name}: expected a number from 0 to 1, got {described(value)}")
    return number


def yes_or_no(name: str, value: Any) -> bool:
    """Return a truth value, also one of NumPy's.

    Raises:
        ConfigError: when it is something else, such as a word.
    """
    if value not in (True, False) or isinstance(value, float | str):
        raise ConfigError(f"{name}: expected True or False, got {described(value)}")
    return bool(value)


def described(value: Any) -> str:
    """Return a value as a message shows it: short ones whole, others by their type."""
    return repr(value) if isinstance(value, bool | int | float | str | type(None)) else type(value).__name__
