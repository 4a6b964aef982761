"""Read settings from files: shipped configurations, TOML, JSON and the ``options.json`` of bilm-tf."""

from __future__ import annotations

import difflib
import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from elmokit.config import bilm_options
from elmokit.config.model_options import without_additions
from elmokit.errors import ConfigError, MissingConfigError
from elmokit.files.home import expanded
from elmokit.files.json_table import decoded

SHIPPED_CONFIGS = ("tiny", "small", "original")
DEFAULT_CONFIG = "small"
"""The configuration of a training that names none."""


def read_values(name: str | Path, *, of_model: bool = False) -> dict[str, Any]:
    """Return the nested settings of a shipped configuration or a file, not validated yet.

    Args:
        name: ``tiny``, ``small``, ``original``, or the path of a ``.toml`` or ``.json`` file; the
            ``options.json`` of bilm-tf is translated.
        of_model: whether it describes a trained model; then unknown settings in an ``options.json`` are
            ignored with a warning.

    Raises:
        ConfigError: If the file cannot be read.
    """
    path = expanded(name)
    if str(name) in SHIPPED_CONFIGS:
        shipped = resources.files("elmokit.config").joinpath("shipped", f"{name}.toml")
        return tomllib.loads(shipped.read_text(encoding="utf-8"))
    if path.suffix not in (".toml", ".json"):
        near = difflib.get_close_matches(str(name), SHIPPED_CONFIGS, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError(
            f"no configuration named {str(name)!r}{hint}: expected one of {', '.join(SHIPPED_CONFIGS)}, "
            "or a .toml or .json file"
        )
    values = read_table(path)
    if not values.keys().isdisjoint(bilm_options.TOP_NAMES):
        if of_model:
            values = without_additions(values, source=str(name))
        return bilm_options.values_from_options(values, source=str(name))
    return values


def read_table(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file, or in a JSON file if its name ends in ``.json``.

    Raises:
        ConfigError: If the file cannot be read, or is not a table.
    """
    kind = "JSON" if path.suffix == ".json" else "TOML"
    try:
        text = decoded(path.read_bytes())
        values = json.loads(text) if kind == "JSON" else tomllib.loads(text)
    except OSError as error:
        raised = MissingConfigError if isinstance(error, FileNotFoundError) else ConfigError
        raise raised(f"{path}: cannot read the configuration: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # errors of TOML, JSON and UTF-8 alike
        raise ConfigError(f"{path}: not a valid {kind} file: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a table of settings, got {type(values).__name__}")
    return values
