"""The ``options.json`` of a trained model, with whatever others have added to it.

Other tools ignore settings that they do not know, so such files are common. What configures a new training
is read strictly instead, by :mod:`elmokit.config.bilm_options`.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from elmokit.config.bilm_options import BILM_NAMES, OWN_KEY, unknown_settings
from elmokit.config.training import TrainingConfig
from elmokit.errors import ConfigError, UnknownSettingsWarning

# What some forks can change about the computation, and the values with which nothing changes.
_UNCHANGED: dict[tuple[str, ...], tuple[Any, ...]] = {
    ("reverse",): (False, None),
    ("char_cnn", "projection_after_highway"): (True, None),
    ("char_cnn", "projection_location"): ("after_highway", None),
    ("char_cnn", "layer_norm"): (False, None),
    ("char_cnn", "do_layer_norm"): (False, None),
    ("lstm", "layer_norm"): (False, None),
    ("lstm", "use_layer_norm"): (False, None),
    ("lstm", "use_peepholes"): (False, None),
    ("lstm", "forget_bias"): (1, None),
}
_PROJECTION = ("char_cnn", "projection")


def without_additions(options: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Return what options say about a model, without settings that elmokit does not know.

    Settings of the training are left out, too, where elmokit does not accept their values: they do not
    matter to the model.

    Args:
        options: the content of the file.
        source: the name of the file, for messages.

    Raises:
        ConfigError: when a setting changes what the model computes in a way that elmokit does not know, or
            looks like a misspelling of a setting that does.

    Warns:
        UnknownSettingsWarning: with the names of what is left out.
    """
    unknown = unknown_settings(options)
    if problems := [problem for path in unknown for problem in _problems(options, path)]:
        raise ConfigError(f"{source}: cannot read this model: " + "; ".join(problems))
    left_out = [*unknown, *_unusable_training_settings(options)]
    if left_out:
        names = ", ".join(".".join(path) for path in left_out)
        warnings.warn(
            f"{source}: settings that elmokit does not use: {names}: ignored",
            UnknownSettingsWarning,
            stacklevel=2,
        )
    described = _without(options, set(left_out))
    if "batch_size" in options:  # options of a training, which has one direction unless they say otherwise
        described.setdefault("bidirectional", False)
    return described


def _problems(options: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield why an unknown setting must not be ignored."""
    name, value = ".".join(path), _value(options, path)
    if any(theirs[: len(path)] == path for theirs in BILM_NAMES):
        yield f"{name}: expected a table of settings, got {value!r}"
        return
    if path in _UNCHANGED:
        if value not in _UNCHANGED[path]:
            yield f"{name}: expected {_UNCHANGED[path][0]!r}, got {value!r}: elmokit has no such model"
        return
    if path == _PROJECTION:
        width = value.get("dim") if isinstance(value, Mapping) else value
        expected = _value(options, ("lstm", "projection_dim"))
        if type(width) is int and width != expected:
            yield f"{name}: {width}, expected lstm.projection_dim={expected}: elmokit has no such model"
        return
    missing = [
        theirs[-1]
        for theirs, ours in BILM_NAMES.items()
        if ours[0] == "model" and theirs[:-1] == path[:-1] and _value(options, theirs) is None
    ]
    if near := difflib.get_close_matches(path[-1], missing, n=1, cutoff=0.8):
        yield f"{name}: unknown setting, did you mean {near[0]!r}?"


def _unusable_training_settings(options: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield settings of the training whose values elmokit does not accept."""
    named = {theirs: ours[1] for theirs, ours in BILM_NAMES.items() if ours[0] == "training"}
    recipe = _value(options, (OWN_KEY, "training"))
    if isinstance(recipe, Mapping):
        named |= {(OWN_KEY, "training", name): name for name in recipe if name in TrainingConfig.model_fields}
    for path, name in named.items():
        if path[0] in options:
            try:
                TrainingConfig.model_validate({name: _value(options, path)})
            except ValidationError:
                yield path


def _value(options: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = options
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _without(table: Mapping[str, Any], paths: set[tuple[str, ...]]) -> dict[str, Any]:
    return {
        key: _without(value, {path[1:] for path in paths if path[0] == key and len(path) > 1})
        if isinstance(value, Mapping)
        else value
        for key, value in table.items()
        if (key,) not in paths
    }
