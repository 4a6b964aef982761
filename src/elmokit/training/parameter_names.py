"""Choosing parameters by name."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence

from elmokit.errors import ConfigError


def matching_names(patterns: Sequence[str], names: Iterable[str], *, setting: str) -> set[str]:
    """Return the parameters that any of ``patterns`` matches.

    Args:
        patterns: a parameter (``softmax.bias``), a module and all that is in it (``softmax``, ``stacks.1``),
            or such a name with wildcards (``*.bias``, ``encoder.highways.?``).
        names: of all parameters.
        setting: name of the setting that holds the patterns, for the error.

    Raises:
        ConfigError: when a pattern matches nothing; it lists the names.
    """
    names = list(names)
    chosen: set[str] = set()
    for pattern in patterns:
        matched = {
            name
            for name in names
            if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"{pattern}.*")
        }
        if not matched:
            modules = {name.rpartition(".")[0] for name in names}
            near = difflib.get_close_matches(pattern, sorted({*names, *modules}), n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConfigError(
                f"{setting} {pattern!r}: matches no parameter{hint}; expected one of {', '.join(names)}, "
                "a module such as softmax, encoder or stacks.0, or a pattern such as '*.bias'"
            )
        chosen |= matched
    return chosen
