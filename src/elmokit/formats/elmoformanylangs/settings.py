"""The settings of ELMoForManyLangs models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from elmokit.config import Config
from elmokit.data.lexicon import MAX_CHARACTERS, MIN_CHARACTERS, Lexicon
from elmokit.errors import ConfigError, MissingModelError, ModelFileError
from elmokit.files.json_table import read_json_table

CONFIG_FILE = "config.json"

# Our name of each setting → theirs; a section comes after its settings.
_NAMES = {
    "model.char_cnn.embedding_dim": "token_embedder.char_dim",
    "model.char_cnn.filters": "token_embedder.filters",
    "model.char_cnn.activation": "token_embedder.activation",
    "model.char_cnn.num_highway": "token_embedder.n_highway",
    "model.char_cnn.max_characters": "token_embedder.max_characters_per_token",
    "model.char_cnn": "token_embedder",
    "model.lexicon.word_dim": "token_embedder.word_dim",
    "model.lstm.cell_dim": "encoder.dim",
    "model.lstm.projection_dim": "encoder.projection_dim",
    "model.lstm.num_layers": "encoder.n_layers",
    "model.lstm.cell_clip": "encoder.cell_clip",
    "model.lstm.projection_clip": "encoder.proj_clip",
}

# Settings that are part of ELMoForManyLangs itself; published models name one of these files.
_SHIPPED_FILES = ("cnn_0_100_512_4096_sample.json", "cnn_50_100_512_4096_sample.json")
_SHIPPED_SETTINGS: dict[str, Any] = {
    "encoder": {
        "name": "elmo",
        "projection_dim": 512,
        "cell_clip": 3,
        "proj_clip": 3,
        "dim": 4096,
        "n_layers": 2,
    },
    "token_embedder": {
        "name": "cnn",
        "activation": "relu",
        "filters": [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512], [7, 1024]],
        "n_highway": 2,
        "word_dim": 100,
        "char_dim": 50,
        "max_characters_per_token": 50,
    },
}


@dataclass(frozen=True)
class Settings:
    """The settings of a model, of the right types."""

    path: Path
    """The file that they were read from."""
    embedder: Mapping[str, Any]
    """The section ``token_embedder``."""
    encoder: Mapping[str, Any]
    """The section ``encoder``."""

    @classmethod
    def read(cls, directory: Path) -> Settings:
        """Read the settings of a model.

        Raises:
            ModelFileError: when a file is missing or damaged, or settings are missing or of the wrong type.
        """
        path, values = _read_values(directory)
        embedder, encoder = (
            section if isinstance(section := values.get(name), dict) else {}
            for name in ("token_embedder", "encoder")
        )
        for section, name, known in ((embedder, "token_embedder", "cnn"), (encoder, "encoder", "elmo")):
            kind = section.get("name")
            if not isinstance(kind, str) or kind.lower() != known:
                raise ModelFileError(
                    f"{path}: {name}.name: got {kind!r}, expected {known!r}, as in every published model"
                )
        if problems := [*_wrong_sizes(embedder), *_missing_settings(embedder, encoder)]:
            raise ModelFileError(f"{path}: " + "; ".join(problems))
        return cls(path, embedder, encoder)

    @property
    def has_characters(self) -> bool:
        """Whether the model embeds characters."""
        return bool(self.embedder["char_dim"])

    @property
    def has_words(self) -> bool:
        """Whether the model has word embeddings."""
        return bool(self.embedder["word_dim"])

    @property
    def max_characters(self) -> int:
        """Characters per word, including the two markers; longer words are cut."""
        return int(self.embedder["max_characters_per_token"])

    def to_config(self, lexicon: Lexicon) -> Config:
        """Return the configuration that describes the same model here.

        Args:
            lexicon: the model's characters and words.

        Raises:
            ConfigError: when settings are impossible; the message uses the names in the file.
        """
        char_cnn = None
        if lexicon.characters is not None:
            char_cnn = {
                "embedding_dim": self.embedder["char_dim"],
                "filters": self.embedder["filters"],
                "activation": self.embedder["activation"],
                "num_highway": self.embedder["n_highway"],
                "max_characters": self.max_characters,
            }
        lstm = {
            "cell_dim": self.encoder["dim"],
            "projection_dim": self.encoder["projection_dim"],
            "num_layers": self.encoder["n_layers"],
            "cell_clip": self.encoder.get("cell_clip") or None,
            "projection_clip": self.encoder.get("proj_clip") or None,
            "skip_connections": True,
        }
        sizes = {
            "num_symbols": lexicon.num_symbols,
            "num_words": lexicon.num_words,
            "word_dim": self.embedder["word_dim"],
        }
        try:
            return Config.parse(
                {"model": {"char_cnn": char_cnn, "lexicon": sizes, "lstm": lstm}}, source=str(self.path)
            )
        except ConfigError as error:
            message = str(error)
            for ours, theirs in _NAMES.items():
                message = message.replace(ours, theirs)
            raise ConfigError(message) from None


def _read_values(directory: Path) -> tuple[Path, dict[str, Any]]:
    """Return the settings and the file that holds them: ``config.json``, or the file that it names."""
    path = directory / CONFIG_FILE
    values = read_json_table(path)
    if "token_embedder" in values and "encoder" in values:
        return path, values
    named = values.get("config_path")
    if not isinstance(named, str) or not named:
        raise ModelFileError(f"{path}: config_path: expected the name of a settings file, got {named!r}")
    name = PurePosixPath(named.replace("\\", "/")).name
    for candidate in (directory / named, directory / name):
        if _is_file(candidate):
            return candidate, read_json_table(candidate)
    if name in _SHIPPED_FILES:
        return path, _SHIPPED_SETTINGS
    raise MissingModelError(
        f"{path}: config_path: names {named[-200:]!r}, but there is no such file: put it beside {CONFIG_FILE}"
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long, or in a directory without access
        return False


def _wrong_sizes(embedder: Mapping[str, Any]) -> list[str]:
    problems = [
        f"token_embedder.{key}: expected a number, got {embedder.get(key)!r}"
        for key in ("word_dim", "char_dim", "max_characters_per_token")
        if type(embedder.get(key)) is not int or embedder[key] < 0
    ]
    if problems:
        return problems
    if not MIN_CHARACTERS <= embedder["max_characters_per_token"] <= MAX_CHARACTERS:
        problems.append(
            f"token_embedder.max_characters_per_token: expected {MIN_CHARACTERS} to {MAX_CHARACTERS}, "
            f"got {embedder['max_characters_per_token']}"
        )
    elif embedder["char_dim"] == embedder["word_dim"] == 0:
        problems.append("token_embedder: char_dim and word_dim are both 0")
    return problems


def _missing_settings(embedder: Mapping[str, Any], encoder: Mapping[str, Any]) -> list[str]:
    missing = [
        f"encoder.{key}: missing" for key in ("projection_dim", "dim", "n_layers") if key not in encoder
    ]
    if embedder.get("char_dim"):
        missing += [
            f"token_embedder.{key}: missing"
            for key in ("filters", "activation", "n_highway")
            if key not in embedder
        ]
    return missing
