"""``texts.json``: where the texts of a run came from, so that it can resume without being told again.

URLs are kept without user information and query, which may be secrets::

    {"train_prefix": ["text/*.txt"], "heldout_prefix": ["https://host/heldout.txt"], "replay_prefix": [],
     "shortened": ["heldout_prefix"]}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elmokit.data.text_file import is_url
from elmokit.errors import CheckpointError
from elmokit.errors.addresses import without_secrets
from elmokit.files.atomic import write_text
from elmokit.files.json_table import read_json

TEXTS_FILE = "texts.json"
_SHORTENED = "shortened"


def write_text_addresses(save_dir: Path, **prefixes: Sequence[str]) -> None:
    """Write down where the texts came from.

    Args:
        save_dir: of the run.
        prefixes: paths, globs and URLs by the name of their option.

    Raises:
        OutputError: when it cannot be written.
    """
    stored = {name: [_storable(each) for each in given] for name, given in prefixes.items()}
    shortened = [name for name, given in prefixes.items() if stored[name] != list(given)]
    values = {**stored, **({_SHORTENED: shortened} if shortened else {})}
    write_text(save_dir / TEXTS_FILE, json.dumps(values, indent=2) + "\n")


def read_text_addresses(save_dir: Path, **given: Sequence[str]) -> dict[str, list[str]]:
    """Return where to read the texts of a run from.

    Args:
        save_dir: of the run.
        given: what the user has given again, by the name of the option; what is empty is read.

    Raises:
        CheckpointError: when an address is not known, or only without its credentials or query.
    """
    path = save_dir / TEXTS_FILE
    try:
        values = read_json(path)
        stored = {name: _strings(values[name]) for name in given}
        shortened = _strings(values.get(_SHORTENED, []))
    except FileNotFoundError:
        if not given["train_prefix"]:
            raise CheckpointError(
                f"{path}: missing, so that it is not known where the text came from: give it again with "
                "--train-prefix, --heldout-prefix and --replay-prefix"
            ) from None
        stored, shortened = {name: [] for name in given}, []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged ({error})") from None
    for name in shortened:
        if not given.get(name):
            raise CheckpointError(
                f"{', '.join(stored.get(name, []))}: the credentials and query of an address are not stored: "
                f"give it again with --{name.replace('_', '-')}"
            )
    return {name: list(given[name]) or stored[name] for name in given}


def _storable(prefix: str) -> str:
    return without_secrets(prefix) if is_url(prefix) else prefix


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"expected a list of addresses, got {value!r}")
    return value
