"""Checking arguments of Python functions, so that a wrong one is told by its name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from elmokit.errors import ConfigError

_Kind = TypeVar("_Kind")


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


def truth_value(name: str, value: Any) -> bool:
    """Return True or False, which NumPy may have made.

    Raises:
        ConfigError: when it is something else: a string such as "False" would count as true.
    """
    if isinstance(value, bool):
        return value
    if type(value).__name__ in ("bool", "bool_") and type(value).__module__ == "numpy":
        return bool(value)
    raise ConfigError(f"{name}: expected True or False, got {_described(value)}")


def one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Check that a string is one of some choices.

    Raises:
        ConfigError: when it is something else.
    """
    if not isinstance(value, str) or value not in choices:
        expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise ConfigError(f"{name}: expected {expected}, got {_described(value)}")


def strings(name: str, values: Any) -> list[str]:
    """Return strings as a list; each item must be a string, and a single string is none.

    Raises:
        ConfigError: when they are something else; the message has the position.
    """
    if isinstance(values, str | bytes | bytearray | Mapping) or not isinstance(values, Iterable):
        raise ConfigError(f"{name}: expected strings, got {_described(values)}")
    found = list(values)
    for position, value in enumerate(found):
        if not isinstance(value, str):
            raise ConfigError(f"{name}[{position}]: expected a string, got {_described(value)}")
    return found


def share(name: str, value: Any) -> float:
    """Return a number between 0 and 1.

    Raises:
        ConfigError: when it is something else.
    """
    try:
        number = float(value) if not isinstance(value, bool | str | bytes | bytearray) else math.nan
    except Exception:  # of any kind: it is an object of somebody else
        number = math.nan
    if not 0 <= number <= 1:
        raise ConfigError(f"{name}: expected a number between 0 and 1, got {_described(value)}")
    return number


def _described(value: Any) -> str:
    return repr(value) if isinstance(value, bool | int | float | str | None) else type(value).__name__
