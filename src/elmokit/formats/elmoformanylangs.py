"""The models of ELMoForManyLangs (Che et al. 2018): a configuration, two lists, two files of tensors.

A directory holds ``config.json``, which names a second file of settings; ``char.dic`` and ``word.dic``, a
line ``entry<TAB>id`` each; ``token_embedder.pkl`` and ``encoder.pkl``, which PyTorch reads without running
what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from torch import Tensor

from elmokit.config import Config
from elmokit.data.lexicon import (
    CHARACTER_SPECIALS,
    MAX_CHARACTERS,
    MIN_CHARACTERS,
    WORD_SPECIALS,
    Lexicon,
    id_faults,
)
from elmokit.errors import ConfigError, ModelFileError
from elmokit.files.json_table import read_json_table
from elmokit.formats.elmoformanylangs_tensors import EMBEDDER_FILE, ENCODER_FILE, read_parameters

_CONFIG, _CHARACTERS, _WORDS = "config.json", "char.dic", "word.dic"
# What is stripped from a line may be the entry itself: then it is taken for this one.
_SPACE = "\u3000"

# Our name of each setting and theirs; sections after what is in them.
_SETTINGS = {
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

# The settings that the package ships; published models name one of these files.
_SHIPPED = ("cnn_0_100_512_4096_sample.json", "cnn_50_100_512_4096_sample.json")
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
class ElmoForManyLangs:
    """A model as elmokit has it."""

    config: Config
    lexicon: Lexicon
    parameters: dict[str, Tensor]
    """By the names of :class:`~elmokit.model.bilm.BiLM`."""


def is_elmoformanylangs(directory: Path) -> bool:
    """Whether a directory looks like such a model."""
    return any((directory / name).is_file() for name in (EMBEDDER_FILE, ENCODER_FILE))


def read_elmoformanylangs(directory: Path) -> ElmoForManyLangs:
    """Read a model.

    Raises:
        ModelFileError: when files are missing or damaged, or do not fit each other; all faults of the
            lists, and all of the tensors, are named at once, tensors by their names in the file.
        ConfigError: when a setting is wrong.
    """
    path, settings = _read_settings(directory)
    embedder, encoder = _sections(path, settings)
    lists: dict[str, Sequence[str]] = {}
    if embedder["char_dim"] > 0:
        lists[_CHARACTERS] = CHARACTER_SPECIALS
    if embedder["word_dim"] > 0:
        lists[_WORDS] = WORD_SPECIALS
    missing = [name for name in (*lists, EMBEDDER_FILE, ENCODER_FILE) if not _is_file(directory / name)]
    if missing:
        raise ModelFileError(f"{directory}: {', '.join(missing)}: missing, expected beside {_CONFIG}")

    faults: list[str] = []
    ids = {name: _read_dic(directory / name, specials, faults) for name, specials in lists.items()}
    if faults:
        raise ModelFileError(f"{directory}: " + "; ".join(faults))
    lexicon = Lexicon(ids.get(_CHARACTERS), ids.get(_WORDS), embedder["max_characters_per_token"])
    config = _config(path, embedder, encoder, lexicon)
    parameters, faults = read_parameters(directory, config)
    if faults:
        raise ModelFileError(f"{directory}: does not fit {path.name} and the lists: " + "; ".join(faults))
    return ElmoForManyLangs(config, lexicon, parameters)


def _read_settings(directory: Path) -> tuple[Path, dict[str, Any]]:
    """The settings that ``config.json`` names, and where they stand."""
    path = directory / _CONFIG
    values = read_json_table(path)
    if "token_embedder" in values and "encoder" in values:
        return path, values
    named = values.get("config_path")
    if not isinstance(named, str) or not named:
        raise ModelFileError(f"{path}: config_path: expected the name of a file of settings, got {named!r}")
    name = PurePosixPath(named.replace("\\", "/")).name
    for candidate in (directory / named, directory / name):
        if _is_file(candidate):
            return candidate, read_json_table(candidate)
    if name in _SHIPPED:
        return path, _SHIPPED_SETTINGS
    raise ModelFileError(
        f"{path}: config_path: names {named[-200:]!r}, but there is no such file: put it beside {_CONFIG}"
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long, or in a directory of somebody else
        return False


def _sections(path: Path, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The token embedder's and the encoder's settings, of the right types."""
    embedder, encoder = (
        section if isinstance(section := settings.get(name), dict) else {}
        for name in ("token_embedder", "encoder")
    )
    for section, name, known in ((embedder, "token_embedder", "cnn"), (encoder, "encoder", "elmo")):
        kind = section.get("name")
        if not isinstance(kind, str) or kind.lower() != known:
            raise ModelFileError(
                f"{path}: {name}.name: got {kind!r}, expected {known!r}, the kind of every published model"
            )
    needed = ["word_dim", "char_dim", "max_characters_per_token"]
    faults = [
        f"token_embedder.{key}: expected a number, got {embedder.get(key)!r}"
        for key in needed
        if type(embedder.get(key)) is not int or embedder[key] < 0
    ]
    if not faults and not MIN_CHARACTERS <= embedder["max_characters_per_token"] <= MAX_CHARACTERS:
        faults.append(
            f"token_embedder.max_characters_per_token: expected {MIN_CHARACTERS} to {MAX_CHARACTERS}, "
            f"got {embedder['max_characters_per_token']}"
        )
    if not faults and embedder["char_dim"] == embedder["word_dim"] == 0:
        faults.append("token_embedder: char_dim and word_dim are both 0")
    missing = [
        f"encoder.{key}: missing" for key in ("projection_dim", "dim", "n_layers") if key not in encoder
    ]
    if embedder.get("char_dim"):
        missing += [
            f"token_embedder.{key}: missing"
            for key in ("filters", "activation", "n_highway")
            if key not in embedder
        ]
    if faults or missing:
        raise ModelFileError(f"{path}: " + "; ".join([*faults, *missing]))
    return embedder, encoder


def _config(path: Path, embedder: Mapping[str, Any], encoder: Mapping[str, Any], lexicon: Lexicon) -> Config:
    char_cnn = None
    if lexicon.characters is not None:
        char_cnn = {
            "embedding_dim": embedder["char_dim"],
            "filters": embedder["filters"],
            "activation": embedder["activation"],
            "num_highway": embedder["n_highway"],
            "max_characters": embedder["max_characters_per_token"],
        }
    lstm = {
        "cell_dim": encoder["dim"],
        "projection_dim": encoder["projection_dim"],
        "num_layers": encoder["n_layers"],
        "cell_clip": encoder.get("cell_clip") or None,
        "projection_clip": encoder.get("proj_clip") or None,
        "skip_connections": True,
    }
    sizes = {
        "num_symbols": lexicon.num_symbols,
        "num_words": lexicon.num_words,
        "word_dim": embedder["word_dim"],
    }
    try:
        return Config.parse(
            {"model": {"char_cnn": char_cnn, "lexicon": sizes, "lstm": lstm}}, source=str(path)
        )
    except ConfigError as error:
        message = str(error)
        for ours, theirs in _SETTINGS.items():
            message = message.replace(ours, theirs)
        raise ConfigError(message) from None


def _read_dic(path: Path, specials: Sequence[str], faults: list[str]) -> dict[str, int]:
    """The entries of a list and their ids, read as the package reads them; ``faults`` grow by its own."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        faults.append(f"{path.name}: cannot read: {error.strerror}")
        return {}
    except UnicodeDecodeError as error:
        faults.append(f"{path.name}: not valid UTF-8 at byte {error.start}")
        return {}
    ids: dict[str, int] = {}
    wrong: list[str] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        fields = line.strip().split("\t")
        if len(fields) == 1:
            fields.insert(0, _SPACE)
        if len(fields) != 2 or not fields[1].isdecimal() or not fields[1].isascii():
            wrong.append(f"line {number}: expected an entry, a tab and its id, got {line[:40]!r}")
            continue
        id_ = int(fields[1][:19])
        if ids.setdefault(fields[0], id_) != id_:
            wrong.append(f"line {number}: {fields[0]!r} had the id {ids[fields[0]]} before, now {id_}")
    more = [f"and {len(wrong) - 5} more lines like these"] if len(wrong) > 5 else []
    faults += [f"{path.name}: {fault}" for fault in (wrong[:5] + more or id_faults(ids, specials))]
    return ids
