"""Translating the ``options.json`` of bilm-tf to and from the settings of elmokit.

Settings are nested dictionaries here, as :class:`elmokit.config.Config` validates and dumps them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from elmokit.alphabet import NUM_CHARACTER_SYMBOLS
from elmokit.config.training import TrainingConfig
from elmokit.errors import ConfigError

BILM_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("bidirectional",): ("model", "bidirectional"),
    ("share_embedding_softmax",): ("model", "tie_softmax"),
    ("char_cnn", "activation"): ("model", "char_cnn", "activation"),
    ("char_cnn", "embedding", "dim"): ("model", "char_cnn", "embedding_dim"),
    ("char_cnn", "filters"): ("model", "char_cnn", "filters"),
    ("char_cnn", "max_characters_per_token"): ("model", "char_cnn", "max_characters"),
    ("char_cnn", "n_highway"): ("model", "char_cnn", "num_highway"),
    ("lstm", "dim"): ("model", "lstm", "cell_dim"),
    ("lstm", "projection_dim"): ("model", "lstm", "projection_dim"),
    ("lstm", "n_layers"): ("model", "lstm", "num_layers"),
    ("lstm", "cell_clip"): ("model", "lstm", "cell_clip"),
    ("lstm", "proj_clip"): ("model", "lstm", "projection_clip"),
    ("lstm", "use_skip_connections"): ("model", "lstm", "skip_connections"),
    ("batch_size",): ("training", "batch_size"),
    ("unroll_steps",): ("training", "unroll_steps"),
    ("n_epochs",): ("training", "num_epochs"),
    ("learning_rate",): ("training", "learning_rate"),
    ("all_clip_norm_val",): ("training", "clip_norm"),
    ("dropout",): ("training", "dropout"),
    ("n_negative_samples_batch",): ("training", "num_negatives"),
}
"""The path of each setting in the original's options → its path here."""

OWN_KEY = "elmokit"
"""Where the training settings that the original does not know are kept; other tools ignore them."""

# Read, but not written: it is an argument of the original's training function.
_NUM_GPUS = ("n_gpus",)
# Settings of the original that are counted or implied here.
_BILM_IGNORED = {
    *(("n_tokens_vocab",), ("n_train_tokens",), ("sample_softmax",), ("char_cnn", "n_characters")),
    (OWN_KEY,),
}
# Settings without which the original does not run.
_BILM_REQUIRED: tuple[tuple[str, ...], ...] = (
    ("lstm", "dim"),
    ("lstm", "projection_dim"),
    ("char_cnn", "filters"),
    ("char_cnn", "embedding", "dim"),
    ("char_cnn", "activation"),
)
# What the original uses when its options have no value.
_BILM_DEFAULTS: dict[tuple[str, ...], Any] = {
    ("model", "bidirectional"): False,
    ("model", "lstm", "cell_clip"): None,
    ("model", "lstm", "projection_clip"): None,
    ("model", "lstm", "skip_connections"): False,
    ("model", "lstm", "num_layers"): 1,
    ("model", "char_cnn", "num_highway"): 0,
}
# The same, only for options that are used for training.
_BILM_TRAINING_DEFAULTS: dict[tuple[str, ...], Any] = {
    ("training", "recipe"): "bilm",
    ("training", "dropout"): 0.0,
}


def values_from_options(options: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Translate the ``options.json`` of bilm-tf into the values of a configuration.

    ``n_tokens_vocab`` and ``n_train_tokens`` are ignored, because they are counted. ``n_gpus``, which scripts
    of bilm-tf pass beside the options, may be among them; ``batch_size`` is per GPU. Files written by elmokit
    have all other settings of the training under the key ``elmokit``.
    ``n_characters`` may be 261 (training) or 262 (inference).

    Args:
        options: the content of the file.
        source: the name of the file, for error messages.

    Raises:
        ConfigError: for unknown keys (with the nearest name) or a wrong ``n_characters``.
    """
    problems: list[str] = []
    translated: dict[tuple[str, ...], Any] = {}
    if options.get("char_cnn") is None:
        translated["model", "char_cnn"] = None
    # Inference always runs both directions unless the options are used for training.
    defaults = dict(_BILM_DEFAULTS)
    if options.get("char_cnn") is None:
        del defaults["model", "char_cnn", "num_highway"]
    if "batch_size" in options:
        defaults |= _BILM_TRAINING_DEFAULTS
    elif "bidirectional" not in options:
        defaults["model", "bidirectional"] = True

    own = options.get(OWN_KEY)
    for path, value in _settings(options):
        if path in BILM_NAMES:
            translated[BILM_NAMES[path]] = value
        elif path == _NUM_GPUS:
            translated["training", "num_processes"] = value
    unknown = [path for path in unknown_settings(options) if path != _NUM_GPUS]
    problems += [f"{'.'.join(map(str, path))}: unknown setting{_hint(path)}" for path in unknown]
    char_cnn = options.get("char_cnn")
    for path in _BILM_REQUIRED:
        if BILM_NAMES[path] not in translated and (path[0] != "char_cnn" or char_cnn is not None):
            problems.append(f"{'.'.join(path)}: missing")
    num_symbols = char_cnn.get("n_characters", 262) if isinstance(char_cnn, Mapping) else 262
    if num_symbols not in (NUM_CHARACTER_SYMBOLS, NUM_CHARACTER_SYMBOLS + 1):
        problems.append(f"char_cnn.n_characters: expected 261 or 262, got {num_symbols!r}")
    if problems:
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        raise ConfigError(f"{source}: {count}: " + "; ".join(problems))
    if options.get("sample_softmax") is False:
        translated["training", "num_negatives"] = 0
    recipe = own.get("training") if isinstance(own, Mapping) else None
    if isinstance(recipe, Mapping):
        known = {
            ("training", key): value for key, value in recipe.items() if key in TrainingConfig.model_fields
        }
        defaults.pop(("training", "recipe"), None)
        translated = known | translated
    values: dict[str, Any] = {}
    for path, value in (defaults | translated).items():
        table = values
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = value
    return values


def unknown_settings(options: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the paths of settings that the original does not have."""
    return [path for path, _ in _settings(options) if path not in BILM_NAMES and path not in _BILM_IGNORED]


def _settings(
    table: Mapping[str, Any], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and value of each setting; a table of the original is not one, but its entries are."""
    for key, value in table.items():
        path = (*prefix, key)
        if path == ("char_cnn",) and value is None:
            continue
        is_section = path not in BILM_NAMES and any(name[: len(path)] == path for name in BILM_NAMES)
        if is_section and isinstance(value, Mapping):
            yield from _settings(value, path)
        else:
            yield path, value


def _hint(path: tuple[str, ...]) -> str:
    """Return the nearest setting of the same table, for an error message."""
    prefix = path[:-1]
    siblings = {
        name[len(prefix)]
        for name in (*BILM_NAMES, *_BILM_IGNORED)
        if name[: len(prefix)] == prefix and len(name) > len(prefix)
    }
    near = difflib.get_close_matches(str(path[-1]), sorted(siblings), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


TOP_NAMES = {path[0] for path in (*BILM_NAMES, *_BILM_IGNORED, _NUM_GPUS)} - {"recipe"}
"""Names at the top of the original's options, none of which a configuration of elmokit has."""

COUNTED = ("n_train_tokens", "n_tokens_vocab")
"""Settings of the original that elmokit counts; a value that is given is not needed."""


def _setting_names() -> dict[str, str]:
    """Return the names of the original, in full and, where only one setting has it, the last part."""
    full = {".".join(path): ".".join(ours) for path, ours in BILM_NAMES.items()}
    lasts = [path[-1] for path in BILM_NAMES]
    last = {path[-1]: full[".".join(path)] for path in BILM_NAMES if lasts.count(path[-1]) == 1}
    return {**last, **full, _NUM_GPUS[0]: "training.num_processes"}


SETTING_NAMES = _setting_names()
"""Names that the original has for single settings, and their full names here."""

AMBIGUOUS_NAMES = {
    path[-1]: [".".join(other) for other in BILM_NAMES if other[-1] == path[-1]]
    for path in BILM_NAMES
    if path[-1] not in SETTING_NAMES
}
"""Last names that several settings of the original share, and those settings."""


def changed_by(key: str, value: Any) -> tuple[str, Any] | None:
    """Return the setting and value that ``key=value`` of the original stands for.

    Args:
        key: a setting that is implied here: whether the softmax samples, or the number of characters.
        value: of the setting.

    Returns:
        None if the value changes nothing.

    Raises:
        ConfigError: if the value is none that the original has, or does not say enough.
    """
    if key.rpartition(".")[2] == "n_characters":
        if value not in (NUM_CHARACTER_SYMBOLS, NUM_CHARACTER_SYMBOLS + 1):
            raise ConfigError(f"{key}: expected 261 or 262, got {value!r}")
        return None
    if str(value).lower() not in ("true", "false"):  # Python's spelling as well
        raise ConfigError(f"{key}: expected true or false, got {value!r}")
    return None if str(value).lower() == "true" else ("training.num_negatives", 0)


IMPLIED = ("sample_softmax", "n_characters", "char_cnn.n_characters")
"""Settings of the original that :func:`changed_by` translates."""


def options_from_values(values: Mapping[str, Any], *, num_words: int | None) -> dict[str, Any]:
    """Return the ``options.json`` of a configuration as every ELMo tool reads it, without manual edits.

    Args:
        values: the nested values of the configuration.
        num_words: the size of the output vocabulary, written as ``n_tokens_vocab``; None to omit it.

    Raises:
        ConfigError: when bilm-tf's format cannot hold such a model.
    """
    if values["model"]["lexicon"] is not None:
        raise ConfigError(
            "bilm-tf's format cannot hold a model with its own characters or words (ELMoForManyLangs): "
            "use elmokit's model directory"
        )
    options: dict[str, Any] = {}
    for path, ours in BILM_NAMES.items():
        value: Any = values
        for name in ours:
            value = None if value is None else value[name]
        if value is None:
            continue  # the original has no null: an absent key means none
        table = options
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = value
    if values["model"]["char_cnn"] is not None:
        options["char_cnn"]["n_characters"] = NUM_CHARACTER_SYMBOLS + 1
    options["sample_softmax"] = values["training"]["num_negatives"] > 0
    if num_words is not None:
        options["n_tokens_vocab"] = num_words
    named = {ours[-1] for ours in BILM_NAMES.values() if ours[0] == "training"}
    options[OWN_KEY] = {
        "training": {key: value for key, value in values["training"].items() if key not in named}
    }
    return options
