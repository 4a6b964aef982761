"""Finished models of a comparison on disk, so that one that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue, ValidationError

from elmokit.downstream.comparison.protocol import Outcome
from elmokit.files.atomic import write_text

FORMAT_VERSION = 2


class Outcomes:
    """A directory with a JSON file for each trained model.

    Its name is a digest of everything that the result depends on, so a file is found again only for the same
    data, vectors, settings and seed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __repr__(self) -> str:
        return f"Outcomes({str(self._directory)!r})"

    def find(self, key: Mapping[str, JsonValue]) -> Outcome | None:
        """Return what was kept under a key; None if there is nothing, or the file is damaged."""
        try:
            return Outcome.model_validate_json(self._path(key).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, key: Mapping[str, JsonValue], outcome: Outcome) -> None:
        """Write a file.

        Raises:
            OutputError: if it cannot be written.
        """
        write_text(self._path(key), outcome.model_dump_json() + "\n")

    def _path(self, key: Mapping[str, JsonValue]) -> Path:
        text = json.dumps({"format": FORMAT_VERSION, **key}, sort_keys=True)
        return self._directory / f"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}.json"
