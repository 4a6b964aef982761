"""Describe all errors of a validation in one line."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from pydantic import BaseModel, ValidationError

_MAX_CHARACTERS = 100  # of a value in a message


def describe_errors(error: ValidationError, names: Collection[str]) -> str:
    """Return the number of errors and each of them with its key and value.

    Args:
        error: The failed validation.
        names: Names of all settings, from which the nearest is suggested for an unknown one.
    """
    descriptions = []
    for details in error.errors():
        key = ".".join(str(part) for part in details["loc"])
        if details["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(details["loc"][-1]), names, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            descriptions.append(f"{key}: unknown setting{hint}")
        else:
            message = details["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            got = (
                "" if isinstance(details["input"], dict | BaseModel) else f", got {_shown(details['input'])}"
            )
            descriptions.append(f"{key}: {message}{got}")
    count = "1 error" if len(descriptions) == 1 else f"{len(descriptions)} errors"
    return f"{count}: " + "; ".join(descriptions)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…"
