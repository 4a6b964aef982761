"""The text files beside bilm-tf's weights: ``options.json`` and the vocabulary, whatever their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elmokit.errors import MissingModelError
from elmokit.files.json_table import read_json
from elmokit.files.listing import visible_files

VOCABULARY_FILES = ("vocab.txt", "vocab.txt.gz")


def find_options(weights: Path) -> Path:
    """Return the options beside a file of weights.

    Raises:
        MissingModelError: when there are none, or several candidates.
    """
    named_alike = weights.with_name(f"{weights.stem.replace('weights', 'options')}.json")
    for path in (weights.with_name("options.json"), named_alike):
        if path.is_file():
            return path
    candidates = [path for path in visible_files(weights.parent, "*.json") if _looks_like_options(path)]
    if len(candidates) != 1:
        names = ", ".join(path.name for path in candidates) or "none"
        raise MissingModelError(
            f"{weights.with_name('options.json')}: no such file: expected the settings of {weights.name} "
            f"(.json files with settings here: {names})"
        )
    return candidates[0]


def beside_options(weights: Path) -> Path:
    """Return the path of weights beside which the other files of their model are.

    That is the path itself, or, for a symbolic link that has no options beside it, what it leads to.
    """
    for path in (weights, weights.resolve()):
        try:
            find_options(path)
        except MissingModelError:
            continue
        return path
    return weights


def find_vocabulary(directory: Path) -> Path | None:
    """Return the vocabulary in a directory: ``vocab.txt``, or the only file with a similar name."""
    for name in VOCABULARY_FILES:
        if (directory / name).is_file():
            return directory / name
    named_alike = visible_files(directory, "vocab*.txt", "vocab*.txt.gz")
    return named_alike[0] if len(named_alike) == 1 else None


def _looks_like_options(path: Path) -> bool:
    try:
        values: Any = read_json(path)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and "lstm" in values
