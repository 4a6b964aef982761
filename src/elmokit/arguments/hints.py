"""Checking the arguments of public functions against their type hints.

Type checkers see wrong arguments before a program runs, but notebooks and scripts are rarely checked. Without
this, a wrong argument would be found somewhere inside, with a message about something else, or not at all.

pydantic's ``validate_call`` is not used: its errors have several lines and no advice, it takes "3" for a
number and "no" for a truth value, copies every list, and knows no tensors, devices or names that only type
checkers import. It would not be faster either: a call with the arguments of ``ElmoEmbedder.embed`` takes
3.3 µs more here and 3.1 µs with it (with a single number 2.1 and 1.1, with 100 strings 12 and 7; both in one
run on one core), where a call that embeds takes milliseconds.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import os
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, Self, TypeVar, Union

from elmokit.arguments.values import described, is_list, number, path_text, whole_number, yes_or_no
from elmokit.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")

_COLLECTIONS = (Sequence, Collection, Iterable)
_PYTHONS_OWN = (list, tuple, set, frozenset)
_ANY_PATH = object()  # in the place of str | Path


@dataclass(frozen=True)
class _Check:
    """What a hint says of a value."""

    expected: str
    """As messages say it."""
    accept: Callable[[str, Any], Any]
    """Takes the name of the argument and the value; returns the value as the function gets it, or raises."""
    passes: type | None = None
    """Values of exactly this class are taken as they are; None if there is no such class."""


@dataclass(frozen=True)
class _Checks:
    """The checks of a function's arguments; there are none for ``*args`` and ``**kwargs``."""

    by_position: list[tuple[str, _Check | None]]
    """Name and check of each argument that may be given without its name."""
    by_name: dict[str, _Check]
    """Those of arguments that may be given by name."""

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Self:
        hints = _hints_of(function)
        found = cls([], {})
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            check = _check_of(hints.get(name, Any))
            if parameter.kind is not parameter.KEYWORD_ONLY:
                found.by_position.append((name, check))
            if check is not None and parameter.kind is not parameter.POSITIONAL_ONLY:
                found.by_name[name] = check
        return found


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of every call of a function against its hints, and name the one that is wrong.

    Numbers and truth values of other libraries become Python's. Hints of truth values, numbers, strings,
    paths, choices, callables, mappings, classes, and collections of these are checked; what others mean, such
    as tensors and sentences, the function checks itself. A call without an argument, or with an unknown one,
    raises ``TypeError``, as usual. A warning of the function has one more frame between it and its caller.

    Raises:
        ConfigError: by a call, if an argument is not what the hint says.
    """
    checks: _Checks | None = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> R:
        nonlocal checks
        if checks is None:  # hints may name what is defined after the function
            checks = _Checks.of(function)
        # Python itself says what is missing, unknown or there twice.
        given = [
            value if check is None or type(value) is check.passes else check.accept(name, value)
            for (name, check), value in zip(checks.by_position, args, strict=False)
        ]
        for name, value in kwargs.items():
            check = checks.by_name.get(name)
            if check is not None and type(value) is not check.passes:
                kwargs[name] = check.accept(name, value)
        return function(*given, *args[len(given) :], **kwargs)

    return call


class _Names(dict[str, Any]):
    """The names of a module; one that is there for type checkers only can be anything."""

    def __missing__(self, name: str) -> Any:
        return Any


def _hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    names = _Names({**vars(builtins), **inspect.unwrap(function).__globals__})
    return typing.get_type_hints(function, localns=names)


def _check_of(hint: Any) -> _Check | None:
    """Return the check of a hint, or None if the function checks such values itself."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of_several(arguments)
    if origin is Literal:
        return _choice(arguments)
    if origin is not None and issubclass(origin, Callable):  # type: ignore[arg-type]
        return _Check("a function", _callable)
    if origin in _COLLECTIONS:
        return _items(arguments[0], is_stream=origin is Iterable)
    if origin is not None and issubclass(origin, Mapping):
        return _Check("a mapping", functools.partial(_instance, Mapping, "a mapping"))
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if typing.is_typeddict(hint):
        return None
    if inspect.isclass(hint) and origin is None and hint.__module__.split(".")[0] == "elmokit":
        accept = functools.partial(_members if getattr(hint, "_is_protocol", False) else _instance, hint)
        return _Check(hint.__name__, functools.partial(accept, hint.__name__))
    return None


def _one_of_several(hints: Sequence[Any]) -> _Check | None:
    takes_none = type(None) in hints
    others = [hint for hint in hints if hint is not type(None)]
    if _is_known_better(others):
        return None
    if str in others and any(map(_is_path, others)):
        others = [_ANY_PATH, *(hint for hint in others if hint is not str and not _is_path(hint))]
    found = [_check_of(hint) for hint in others]
    checks = [check for check in found if check is not None]
    if len(checks) < len(found):
        return None
    expected = " or ".join([*(check.expected for check in checks), *(["None"] if takes_none else [])])

    def accept(name: str, value: Any) -> Any:
        if takes_none and value is None:
            return None
        if len(checks) == 1 and not takes_none:
            return checks[0].accept(name, value)  # whose error says more
        for check in checks:
            try:
                return check.accept(name, value)
            except ConfigError as error:
                if str(error).startswith(f"{name}["):  # of an item, so that the rest was right
                    raise
        raise ConfigError(f"{name}: expected {expected}, got {described(value)}")

    return _Check(expected, accept)


def _is_path(hint: Any) -> bool:
    return hint is Path or typing.get_origin(hint) is os.PathLike


def _is_known_better(hints: Sequence[Any]) -> bool:
    """Whether a function knows more about such values: sentences, labels, layers."""
    origins = [typing.get_origin(hint) for hint in hints]
    num_collections = sum(origin in _COLLECTIONS for origin in origins)
    is_sentence = str in hints and any(
        origin in _COLLECTIONS and typing.get_args(hint) == (str,)
        for origin, hint in zip(origins, hints, strict=True)
    )
    return is_sentence or num_collections > 1 or (len(hints) > 1 and Literal in origins)


def _choice(choices: Sequence[Any]) -> _Check | None:
    if not all(isinstance(choice, str) for choice in choices):
        return None
    expected = f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]

    def accept(name: str, value: Any) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise ConfigError(f"{name}: expected {expected}, got {described(value)}")
        return value

    return _Check(expected, accept)


def _items(hint: Any, *, is_stream: bool) -> _Check | None:
    check = _check_of(hint)
    if check is None:
        return None
    expected = f"a list of {_plural(check.expected)}"

    def accept(name: str, value: Any) -> Any:
        if not is_list(value):
            raise ConfigError(f"{name}: expected {expected}, got {described(value)}")
        if is_stream and not isinstance(value, Collection):  # it may not fit into memory
            return (check.accept(f"{name}[{place}]", item) for place, item in enumerate(value))
        if check.passes is not None and isinstance(value, _PYTHONS_OWN):
            passes = check.passes
            if all(type(item) is passes for item in value):
                return value
        items = [check.accept(f"{name}[{place}]", item) for place, item in enumerate(value)]
        # The truth of an array or a column of a table is not whether it has items.
        return value if isinstance(value, _PYTHONS_OWN) else items

    return _Check(expected, accept)


def _callable(name: str, value: Any) -> Any:
    if not callable(value):
        raise ConfigError(f"{name}: expected a function, got {described(value)}")
    return value


def _instance(kind: type, expected: str, name: str, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ConfigError(f"{name}: expected {expected}, got {described(value)}")
    return value


def _members(protocol: type, expected: str, name: str, value: Any) -> Any:
    names = [member for member in vars(protocol) if not member.startswith("_")]
    if inspect.isclass(value) or not all(hasattr(value, member) for member in names):
        raise ConfigError(f"{name}: expected {expected}, got {described(value)}")
    return value


def _path(name: str, value: Any) -> Any:
    try:
        path_text(value)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    return value


_SIMPLE: dict[Any, _Check] = {
    bool: _Check("True or False", yes_or_no, bool),
    int: _Check("a whole number", whole_number, int),
    float: _Check("a number", number),
    str: _Check("a string", functools.partial(_instance, str, "a string"), str),
    Path: _Check("a path", lambda name, value: Path(_path(name, value))),
    _ANY_PATH: _Check("a path", _path),
}


def _plural(expected: str) -> str:
    if expected.startswith("a list of "):
        return f"lists of {expected.removeprefix('a list of ')}"
    return f"{expected.removeprefix('a ')}s" if expected.startswith("a ") else expected
