"""Change settings by ``key=value``."""

from __future__ import annotations

import difflib
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from elmokit.arguments import described
from elmokit.config import bilm_options
from elmokit.config.validation import describe_errors
from elmokit.errors import ConfigError, UnknownSettingsWarning

_Section = TypeVar("_Section", bound=BaseModel)
_SHOWN = 40  # characters of a value that is too long

_SHORT = {"lr": "learning_rate", "bs": "batch_size", "steps": "max_steps", "workers": "num_processes"}
"""What other programs call settings whose names are too different to be found by likeness."""


def field_paths(section: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every setting, sections included."""
    for name, field in section.model_fields.items():
        yield (*prefix, name)
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from field_paths(inner, (*prefix, name))


def section_with(section: type[_Section], overrides: Iterable[str]) -> _Section:
    """Return a section with its defaults, changed by ``key=value``.

    A last name that several settings have means the first of them.

    Raises:
        ConfigError: If there is no such setting, or a value does not fit; all faults in one message.
    """
    paths = {path[-1]: path for path in reversed(list(field_paths(section)))}
    values: dict[str, Any] = {}
    for override in list_of_overrides(overrides):
        apply_override(values, override, paths)
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise ConfigError(describe_errors(error, list(paths))) from None


def list_of_overrides(overrides: object) -> list[str]:
    """Return overrides as a list.

    Raises:
        ConfigError: if they are no list of strings.
    """
    if isinstance(overrides, str | Mapping) or not isinstance(overrides, Iterable):
        raise ConfigError(f"overrides: expected a list such as ['batch_size=32'], got {described(overrides)}")
    found = list(overrides)
    for position, override in enumerate(found):
        if not isinstance(override, str):
            raise ConfigError(f"overrides[{position}]: expected key=value, got {described(override)}")
    return found


def apply_override(values: dict[str, Any], override: str, paths: Mapping[str, tuple[str, ...]]) -> None:
    """Change one setting.

    Args:
        values: The nested settings, changed in place.
        override: ``key=value``; the key is a full path or a last name, the value is TOML or ``null``.
        paths: Paths of all settings by their last names.

    Raises:
        ConfigError: If there is no such setting.
    """
    typed, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"override {override!r}: expected key=value, for example batch_size=32")
    key = typed.replace("-", "_")  # as in options
    if key in bilm_options.COUNTED:
        warnings.warn(
            f"{key} is counted by elmokit, so {override!r} has no effect",
            UnknownSettingsWarning,
            stacklevel=2,
        )
        return
    try:
        value = _parse_value(text)
    except (ValueError, RecursionError):  # which tomllib raises for values that Python cannot hold
        shown = f"{text[:_SHOWN]}…"
        raise ConfigError(f"override {key}={shown}: the number is too long or the lists too deep") from None
    if key in bilm_options.IMPLIED:
        meant = bilm_options.changed_by(key, value)
        if meant is None:
            return
        key, value = meant
    path = _path_of(key, paths, override)
    table = values
    for name in path[:-1]:
        inner = table.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"override {override!r}: {name} is {inner!r}, not a section")
        table = inner
    table[path[-1]] = value


def _path_of(key: str, paths: Mapping[str, tuple[str, ...]], override: str) -> tuple[str, ...]:
    """Return the path of a setting under its own name, in full or the last one, or under bilm-tf's."""
    path = tuple(key.split("."))
    known = set(paths.values())
    if path in known:
        return path
    if key in paths:
        return paths[key]
    bilm_path = tuple(bilm_options.SETTING_NAMES.get(key, "").split("."))
    if bilm_path in known:
        return bilm_path
    if choices := bilm_options.AMBIGUOUS_NAMES.get(key):
        meanings = " or ".join(f"{name} ({bilm_options.SETTING_NAMES[name]})" for name in choices)
        raise ConfigError(f"override {override!r}: {key} may be {meanings}: write one of them")
    names = [*paths, *(".".join(each) for each in known)]
    near = [_SHORT[key]] if _SHORT.get(key) in paths else difflib.get_close_matches(key, names, n=1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"override {override!r}: no setting is named {key!r}{hint}")


def _parse_value(text: str) -> Any:
    if text.strip() in ("null", "none", "None"):
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word
