"""Checking arguments that are given from Python, such as the size of a batch."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from elmokit.errors import ConfigError

_Kind = TypeVar("_Kind")

_SHOWN = (bool, int, float, str, type(None))
_LONGEST_SHOWN = 200  # characters
_LONGEST_NAME = 255  # bytes, of a file, on every common system


def whole_number(name: str, value: Any, *, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number of any kind, such as NumPy's, as Python's.

    Args:
        name: what messages call it.
        value: the number; ``True`` is none.
        least: the smallest one that is allowed; None for any.
        most: the largest one that is allowed; None for any.

    Raises:
        ConfigError: when it is something else, too small or too large.
    """
    try:
        number = operator.index(value) if not isinstance(value, bool) else None
    except Exception:  # of any kind: it is an object of somebody else
        number = None
    if number is None:
        raise ConfigError(f"{name}: expected a whole number, got {described(value)}")
    if least is not None and number < least:
        raise ConfigError(f"{name}: expected at least {least}, got {described(number)}")
    if most is not None and number > most:
        raise ConfigError(f"{name}: expected at most {most:,}, got {described(number)}")
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
    except Exception:  # of any kind: it is an object of somebody else
        number = None
    if number is None or not 0.0 <= number <= 1.0:
        raise ConfigError(f"{name}: expected a number from 0 to 1, got {described(value)}")
    return number


def yes_or_no(name: str, value: Any) -> bool:
    """Return a truth value, also one of NumPy's, or 0 or 1.

    Raises:
        ConfigError: when it is something else, such as a word: "False" would count as true.
    """
    kind = type(value)
    is_numpy = kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_")
    if isinstance(value, bool) or is_numpy or (kind is int and value in (0, 1)):
        return bool(value)
    raise ConfigError(f"{name}: expected True or False, got {described(value)}")


def instance_of(name: str, value: Any, kind: type[_Kind], description: str | None = None) -> _Kind:
    """Return an object of a class.

    Args:
        name: what messages call it.
        value: the object.
        kind: the class.
        description: what messages say was expected, if not the name of the class.

    Raises:
        ConfigError: when it is something else.
    """
    if not isinstance(value, kind):
        raise ConfigError(f"{name}: expected {description or kind.__name__}, got {type(value).__name__}")
    return value


def one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Check that a string is one of some choices.

    Raises:
        ConfigError: when it is something else.
    """
    if not isinstance(value, str) or value not in choices:
        expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise ConfigError(f"{name}: expected {expected}, got {described(value)}")


def strings(name: str, values: Any) -> list[str]:
    """Return strings as a list; each item must be a string, and a single string is none.

    Raises:
        ConfigError: when they are something else; the message has the position.
    """
    if not is_list(values):
        raise ConfigError(f"{name}: expected strings, got {described(values)}")
    found = list(values)
    for position, value in enumerate(found):
        if not isinstance(value, str):
            raise ConfigError(f"{name}[{position}]: expected a string, got {described(value)}")
    return found


def path_text(path: Any) -> str:
    """Return a path as text.

    Raises:
        ConfigError: if it is no path, such as a number or a list, or no file can have such a name.
    """
    try:
        text = os.fspath(path)
    except Exception:  # of any kind: it is an object of somebody else
        text = None
    if not isinstance(text, str):
        raise ConfigError(f"expected a path, got {described(path)}")
    if not _can_be_a_name(text):
        raise ConfigError(f"expected a path, got {described(text)}, which no file can be named")
    return text


def _can_be_a_name(path: str) -> bool:
    try:
        names = os.fsencode(path).split(b"/")
    except UnicodeEncodeError:  # half of a character
        return False
    if any(b"\0" in name for name in names):
        return False
    return "://" in path or max(map(len, names)) <= _LONGEST_NAME


def number(name: str, value: Any) -> float:
    """Return a finite number of any kind, such as NumPy's, as Python's.

    Raises:
        ConfigError: when it is something else, such as text or ``True``.
    """
    try:
        found = None if isinstance(value, bool | str | bytes) else float(value)
    except Exception:  # of any kind: it is an object of somebody else
        found = None
    if found is None or not math.isfinite(found):
        raise ConfigError(f"{name}: expected a number, got {described(value)}")
    return found


def numbers(name: str, values: Any) -> list[float]:
    """Return finite numbers as a list.

    Raises:
        ConfigError: when they are something else; the message has the position.
    """
    try:
        found = list(values)
    except Exception:  # of any kind: it is an object of somebody else
        raise ConfigError(f"{name}: expected numbers, got {described(values)}") from None
    return [number(f"{name}[{position}]", value) for position, value in enumerate(found)]


def is_list(values: Any) -> bool:
    """Return whether the items of an object are a list of values: not of characters, keys, or columns."""
    is_other = isinstance(values, str | bytes | bytearray | Mapping) or getattr(values, "ndim", 1) != 1
    return isinstance(values, Iterable) and not is_other


def described(value: Any) -> str:
    """Return a value as a message shows it: short ones whole, others by their type."""
    if type(value) is str and len(value) > _LONGEST_SHOWN:
        return f"{value[:_LONGEST_SHOWN]!r}…"
    if type(value) is int and value.bit_length() > _LONGEST_SHOWN:
        return f"a number of {value.bit_length():,} bits"
    return repr(value) if type(value) in _SHOWN else type(value).__name__
