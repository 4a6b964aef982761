"""The models of ELMoForManyLangs (Che et al. 2018): a configuration, two lists, two files of tensors.

A directory holds ``config.json``, which names a second file of settings; ``char.dic`` and ``word.dic``, a
line ``entry<TAB>id`` each; ``token_embedder.pkl`` and ``encoder.pkl``, which PyTorch reads without running
what is in them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from elmokit.config import Config
from elmokit.data.lexicon import (
    CHARACTER_SPECIALS,
    MAX_CHARACTERS,
    MIN_CHARACTERS,
    WORD_SPECIALS,
    Lexicon,
    lexicon_faults,
)
from elmokit.errors import ModelFileError
from elmokit.model.projected_lstm import FORGET_BIAS

_CONFIG, _EMBEDDER, _ENCODER = "config.json", "token_embedder.pkl", "encoder.pkl"
_CHARACTERS, _WORDS = "char.dic", "word.dic"
# What is stripped from a line may be the entry itself: then it is taken for this one.
_SPACE = "\u3000"

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
    return any((directory / name).is_file() for name in (_EMBEDDER, _ENCODER))


def read_elmoformanylangs(directory: Path) -> ElmoForManyLangs:
    """Read a model.

    Raises:
        ModelFileError: when files are missing or damaged, or do not fit each other; all faults of one
            file are named at once, tensors by their names in the file.
        ConfigError: when a setting is wrong.
    """
    path, settings = _read_settings(directory)
    embedder, encoder = _sections(path, settings)
    characters = words = None
    if embedder["char_dim"] > 0:
        characters = _read_dic(directory / _CHARACTERS, CHARACTER_SPECIALS)
    if embedder["word_dim"] > 0:
        words = _read_dic(directory / _WORDS, WORD_SPECIALS)
    lexicon = Lexicon(characters, words, embedder["max_characters_per_token"])
    config = _config(path, embedder, encoder, lexicon)
    parameters = _embedder_parameters(_read_tensors(directory / _EMBEDDER, _embedder_shapes(config)), config)
    parameters |= _encoder_parameters(_read_tensors(directory / _ENCODER, _encoder_shapes(config)), config)
    return ElmoForManyLangs(config, lexicon, parameters)


def _read_settings(directory: Path) -> tuple[Path, dict[str, Any]]:
    """The settings that ``config.json`` names, and where they stand."""
    path = directory / _CONFIG
    values = _read_json(path)
    if "token_embedder" in values and "encoder" in values:
        return path, values
    named = values.get("config_path")
    if not isinstance(named, str) or not named:
        raise ModelFileError(f"{path}: config_path: expected the name of a file of settings, got {named!r}")
    name = PurePosixPath(named.replace("\\", "/")).name
    for candidate in (directory / named, directory / name):
        if candidate.is_file():
            return candidate, _read_json(candidate)
    if name in _SHIPPED:
        return path, _SHIPPED_SETTINGS
    raise ModelFileError(
        f"{path}: config_path: names {named!r}, but there is no such file here: put {name} beside it"
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelFileError(f"{path}: cannot read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise ModelFileError(f"{path}: expected a table of settings, got {type(values).__name__}")
    return values


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
    values = {"model": {"char_cnn": char_cnn, "lexicon": lexicon.sizes(embedder["word_dim"]), "lstm": lstm}}
    return Config.parse(values, source=str(path))


def _read_dic(path: Path, specials: Sequence[str]) -> dict[str, int]:
    """The entries of a list and their ids, read as the package reads them."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ModelFileError(f"{path}: cannot read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{path}: not valid UTF-8 at byte {error.start}") from None
    ids: dict[str, int] = {}
    faults: list[str] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        fields = line.strip().split("\t")
        if len(fields) == 1:
            fields.insert(0, _SPACE)
        if len(fields) != 2 or not fields[1].isdecimal() or not fields[1].isascii():
            faults.append(f"line {number}: expected an entry, a tab and its id, got {line[:40]!r}")
            continue
        ids[fields[0]] = int(fields[1][:19])
    more = f" (and {len(faults) - 5} more lines)" if len(faults) > 5 else ""
    faults = faults[:5] or lexicon_faults(ids, specials, path.name)
    if faults:
        raise ModelFileError(f"{path}: " + "; ".join(faults) + more)
    return ids


def _read_tensors(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file") from None
    except Exception as error:  # of a dozen kinds, depending on where the damage is
        reason = (str(error).strip() or type(error).__name__).split("\n", 1)[0]
        raise ModelFileError(f"{path}: damaged or not a file of tensors ({reason})") from None
    if not isinstance(stored, dict) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise ModelFileError(f"{path}: expected tensors by name, got {type(stored).__name__}")
    faults = []
    for name, shape in shapes.items():
        if name not in stored:
            faults.append(f"{name}: missing")
        elif tuple(stored[name].shape) != shape:
            faults.append(f"{name}: shape {tuple(stored[name].shape)}, expected {shape}")
        elif not torch.isfinite(stored[name]).all():
            faults.append(f"{name}: holds NaN or infinite values")
    faults += [f"{name}: unexpected" for name in sorted(map(str, stored.keys() - shapes.keys()))]
    if faults:
        raise ModelFileError(f"{path}: does not fit its settings: " + "; ".join(faults))
    return {name: value.float() for name, value in stored.items()}


def _embedder_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    lexicon, char_cnn = config.model.lexicon, config.model.char_cnn
    assert lexicon is not None
    shapes: dict[str, tuple[int, ...]] = {}
    width = lexicon.word_dim
    if lexicon.num_words is not None:
        shapes["word_emb_layer.embedding.weight"] = (lexicon.num_words, lexicon.word_dim)
    if char_cnn is not None and lexicon.num_symbols is not None:
        num_filters = char_cnn.num_filters
        width += num_filters
        shapes["char_emb_layer.embedding.weight"] = (lexicon.num_symbols, char_cnn.embedding_dim)
        for k, (filter_width, number) in enumerate(char_cnn.filters):
            shapes[f"convolutions.{k}.weight"] = (number, char_cnn.embedding_dim, filter_width)
            shapes[f"convolutions.{k}.bias"] = (number,)
        for k in range(char_cnn.num_highway):
            shapes[f"highways._layers.{k}.weight"] = (2 * num_filters, num_filters)
            shapes[f"highways._layers.{k}.bias"] = (2 * num_filters,)
    shapes["projection.weight"] = (config.model.lstm.projection_dim, width)
    shapes["projection.bias"] = (config.model.lstm.projection_dim,)
    return shapes


def _embedder_parameters(tensors: Mapping[str, Tensor], config: Config) -> dict[str, Tensor]:
    parameters = {
        "encoder.projection": tensors["projection.weight"].t(),
        "encoder.projection_bias": tensors["projection.bias"],
    }
    if "word_emb_layer.embedding.weight" in tensors:
        parameters["encoder.words"] = tensors["word_emb_layer.embedding.weight"]
    char_cnn = config.model.char_cnn
    if char_cnn is None:
        return parameters
    parameters["encoder.chars.embedding"] = tensors["char_emb_layer.embedding.weight"]
    for k in range(len(char_cnn.filters)):
        parameters[f"encoder.chars.kernels.{k}"] = tensors[f"convolutions.{k}.weight"].permute(2, 1, 0)
        parameters[f"encoder.chars.biases.{k}"] = tensors[f"convolutions.{k}.bias"]
    for k in range(char_cnn.num_highway):
        transform, gate = tensors[f"highways._layers.{k}.weight"].chunk(2)
        transform_bias, gate_bias = tensors[f"highways._layers.{k}.bias"].chunk(2)
        layer = f"encoder.chars.highways.{k}"
        # Their gate lets the input through, ours the transform: 1 - sigmoid(z) = sigmoid(-z).
        parameters[f"{layer}.carry"], parameters[f"{layer}.carry_bias"] = -gate.t(), -gate_bias
        parameters[f"{layer}.transform"], parameters[f"{layer}.transform_bias"] = (
            transform.t(),
            transform_bias,
        )
    return parameters


def _encoder_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    lstm = config.model.lstm
    shapes: dict[str, tuple[int, ...]] = {}
    for cell in _cells(config).values():
        shapes[f"{cell}.input_linearity.weight"] = (4 * lstm.cell_dim, lstm.projection_dim)
        shapes[f"{cell}.state_linearity.weight"] = (4 * lstm.cell_dim, lstm.projection_dim)
        shapes[f"{cell}.state_linearity.bias"] = (4 * lstm.cell_dim,)
        shapes[f"{cell}.state_projection.weight"] = (lstm.projection_dim, lstm.cell_dim)
    return shapes


def _encoder_parameters(tensors: Mapping[str, Tensor], config: Config) -> dict[str, Tensor]:
    parameters: dict[str, Tensor] = {}
    for layer, cell in _cells(config).items():
        both = torch.cat(
            [tensors[f"{cell}.input_linearity.weight"], tensors[f"{cell}.state_linearity.weight"]], dim=1
        )
        bias = _gates_in_order(tensors[f"{cell}.state_linearity.bias"])
        # Their forget bias is stored, ours is added when the layer runs.
        bias[2 * config.model.lstm.cell_dim : 3 * config.model.lstm.cell_dim] -= FORGET_BIAS
        parameters[f"{layer}.kernel"] = _gates_in_order(both).t()
        parameters[f"{layer}.bias"] = bias
        parameters[f"{layer}.projection"] = tensors[f"{cell}.state_projection.weight"].t()
    return parameters


def _cells(config: Config) -> dict[str, str]:
    """Our name of each LSTM layer → its name in the file."""
    return {
        f"stacks.{direction}.{k}": f"{name}_layer_{k}"
        for direction, name in enumerate(("forward", "backward"))
        for k in range(config.model.lstm.num_layers)
    }


def _gates_in_order(values: Tensor) -> Tensor:
    """(4H, …) from their order, input, forget, memory, output, to ours."""
    inputs, forget, memory, output = values.chunk(4)
    return torch.cat([inputs, memory, forget, output])
