"""Differences between configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def list_differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the settings in which two nested tables differ, as ``key: mine, theirs``."""
    mine, theirs = _flatten(mine), _flatten(theirs)
    return [
        f"{key}: {mine.get(key)!r}, {theirs.get(key)!r}"
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key)
    ]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
