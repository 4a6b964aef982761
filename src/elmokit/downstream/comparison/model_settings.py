"""Settings of a classifier or tagger from the table ``model`` of a task file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import JsonValue, ValidationError

from elmokit.config.overrides import field_paths
from elmokit.config.section import Section
from elmokit.config.validation import describe_errors
from elmokit.errors import ConfigError

_S = TypeVar("_S", bound=Section)


def model_settings(section: type[_S], values: Mapping[str, JsonValue], *, seed: int) -> _S:
    """Return settings with the given values and seed.

    Args:
        section: the class of the settings.
        values: by name, with the sections before it (``fit.learning_rate``) or without; or as inner tables.
        seed: the seed of the training.

    Raises:
        ConfigError: if a setting is unknown or impossible, with all errors.
    """
    paths = {path[-1]: path for path in reversed(list(field_paths(section)))}
    known = set(field_paths(section))
    nested: dict[str, Any] = {}
    for key, value in (*_flat(values), ("seed", seed)):
        path = tuple(key.split("."))
        path = paths.get(key, path) if path not in known else path
        if path not in known:
            near = difflib.get_close_matches(key, paths, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"model.{key}: unknown setting{hint}")
        table = nested
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = value
    try:
        return section.model_validate(nested)
    except ValidationError as error:
        raise ConfigError(f"model: {describe_errors(error, list(paths))}") from None


def _flat(values: Mapping[str, JsonValue], prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
