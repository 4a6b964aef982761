"""A list of all settings: what a user can set, as the schema says it."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from elmokit.config.files import DEFAULT_CONFIG
from elmokit.config.schema import Config


@dataclass(frozen=True)
class Setting:
    """One setting."""

    path: str
    """Its full name, for example ``training.batch_size``."""
    group: str
    """Title of the settings that belong together."""
    type: str
    """What its value may be, in words."""
    default: Any
    unit: str
    """What its number counts or measures; empty if it has none."""
    meaning: str
    choices: tuple[str, ...]
    """The values of a setting that has only a few."""

    @property
    def name(self) -> str:
        """The last part of its path, which is enough in ``key=value``."""
        return self.path.rpartition(".")[2]

    @property
    def shown_default(self) -> str:
        """The default as it is written in ``key=value``."""
        return self.default if isinstance(self.default, str) else json.dumps(self.default)


def list_settings(config: Config | None = None) -> list[Setting]:
    """Return all settings, group by group.

    Args:
        config: whose values are the defaults; by default that of a training that names none.
    """
    config = Config.load(DEFAULT_CONFIG) if config is None else config
    found = list(_settings(Config, config.model_dump(mode="json"), ""))
    groups = list(dict.fromkeys(setting.group for setting in found))
    return sorted(found, key=lambda setting: groups.index(setting.group))


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a field of this type holds, which may be optional; None if it holds a value."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _settings(section: type[BaseModel], values: dict[str, Any] | None, prefix: str) -> Iterator[Setting]:
    for name, field in section.model_fields.items():
        path = f"{prefix}.{name}".lstrip(".")
        value = None if values is None else values[name]
        if (inner := section_of(field.annotation)) is not None:
            yield from _settings(inner, value, path)
            continue
        extra = field.json_schema_extra
        about: dict[str, Any] = extra if isinstance(extra, dict) else {}
        assert field.description is not None, path
        yield Setting(
            path=path,
            group=f"{prefix}: {about['group']}" if about.get("group") else prefix,
            type=_type(field.annotation),
            default=value,
            unit=about.get("unit", ""),
            meaning=field.description,
            choices=_choices(field.annotation),
        )


def _choices(annotation: Any) -> tuple[str, ...]:
    if annotation is bool:
        return ("true", "false")
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(argument) for argument in arguments)
    if origin is tuple:
        return "list"
    if annotation is types.NoneType:
        return "null"
    if choices := _choices(annotation):
        return "|".join(choices)
    return {int: "integer", float: "number", str: "text"}[annotation]
