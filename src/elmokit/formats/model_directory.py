"""elmokit's own model directory, which is also what a Hugging Face repository holds.

``config.json`` (geometry, recipe and facts about the training), ``model.safetensors`` (all parameters,
softmax included), ``vocab.txt``, for a model of ELMoForManyLangs ``lexicon.json``, for that of an ELMo layer
``mixtures.json``, ``checksums.txt`` of all these files, and ``README.md``, the model card.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from elmokit.config import Config, ModelConfig
from elmokit.data.lexicon import Lexicon
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ModelFileError, OutputError
from elmokit.files.atomic import new_directory
from elmokit.files.json_table import read_json_table
from elmokit.formats.directory_checksums import CHECKSUMS_FILE, verify_checksums, write_checksums
from elmokit.formats.mixtures import MIXTURES_FILE, Mixtures
from elmokit.formats.model_card import model_card
from elmokit.formats.parts import ModelParts
from elmokit.formats.stored import Layout, ReadRequest, StoredModel
from elmokit.formats.vocabulary_rows import warn_of_unreachable
from elmokit.model.parameter_shapes import parameter_shapes

DESCRIPTION = "a model directory (config.json, model.safetensors)"
HAS_SEPARATE_OPTIONS = False

FORMAT_VERSION = 1
WEIGHTS_FILE = "model.safetensors"
LEXICON_FILE = "lexicon.json"

_MODEL_TYPE = "elmokit-bilm"
_LARGEST_FACT = 1e18  # steps, tokens or seconds; NaN is not below it either
_LARGEST_HALF = int(torch.finfo(torch.float16).max)
_CHECKED_FILES = ("config.json", WEIGHTS_FILE, "vocab.txt", LEXICON_FILE, MIXTURES_FILE)
_FILES = (*_CHECKED_FILES, CHECKSUMS_FILE, "README.md")


def matches(path: Path) -> bool:
    """Return whether ``path`` looks like a directory that :func:`write` has written."""
    return (path / WEIGHTS_FILE).is_file() and (path / "config.json").is_file()


def read(path: Path, request: ReadRequest) -> StoredModel:
    """Read a model directory.

    Args:
        path: the directory.
        request: has no effect: everything is in the directory, and an optimizer's state never is.

    Raises:
        ModelFileError: when a file is missing or damaged (see :mod:`elmokit.formats.directory_checksums`), or
            contradicts another one.
        ConfigError: when a setting is wrong.
        VocabularyError: when the vocabulary is damaged.
        TextError: when the vocabulary is not text.
    """
    verify_checksums(path)
    config_path = path / "config.json"
    values = _read_config(config_path)
    num_words, facts = values.pop("num_words"), values.pop("facts")
    config = Config.parse(values, source=str(config_path))
    vocabulary = _read_vocabulary(path / "vocab.txt", num_words)
    lexicon = None if config.model.lexicon is None else _read_lexicon(path / LEXICON_FILE, config.model)
    mixtures = None
    if (path / MIXTURES_FILE).is_file():
        mixtures = Mixtures.load(path / MIXTURES_FILE, 1 + config.model.lstm.num_layers)
    weights = path / WEIGHTS_FILE
    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelFileError(f"{weights}: cannot read the weights: damaged ({error})") from None
    with_softmax = "softmax.bias" in tensors
    if num_words is None and (with_softmax or (config.model.char_cnn is None and lexicon is None)):
        raise ModelFileError(
            f"{config_path}: num_words: missing, expected the number of words of the weights"
        )
    shapes = parameter_shapes(config.model, num_words, with_softmax=with_softmax, source=config_path)
    return StoredModel(
        path,
        config,
        num_words,
        tensors,
        Layout(shapes, dict),
        described_by="its config.json",
        vocabulary=vocabulary,
        lexicon=lexicon,
        mixtures=mixtures,
        facts=facts,
        weights_file=weights,
    )


def write(parts: ModelParts, directory: Path, *, half_precision: bool = False) -> None:
    """Write a model directory, completely or not at all; an earlier model directory is replaced.

    Args:
        parts: the model.
        directory: where to write; its name becomes the name in the model card.
        half_precision: store 16 bits per number.

    Raises:
        ModelFileError: when a parameter is too large for half precision.
        OutputError: when the directory cannot be written, or something else is there.
    """
    _refuse_to_replace(directory)
    values: dict[str, Any] = {
        "model_type": _MODEL_TYPE,
        "format_version": FORMAT_VERSION,
        "num_words": parts.num_words,
        "facts": dict(parts.facts),
        **parts.config.model_dump(mode="json"),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in parts.parameters.items()}
    if half_precision:
        tensors = {name: value.half() for name, value in tensors.items()}
        too_large = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
        if too_large:
            raise ModelFileError(
                f"{parts.source}: too large for half precision, at most {_LARGEST_HALF:,}: "
                + ", ".join(too_large)
            )
    with new_directory(directory) as temporary:
        try:
            save_file(tensors, temporary / WEIGHTS_FILE, metadata={"format": "pt"})
        except SafetensorError as error:  # it wraps the operating system's error
            raise OSError(28, str(error)) from error
        (temporary / "config.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        if parts.vocabulary is not None:
            parts.vocabulary.save(temporary / "vocab.txt")
        if parts.lexicon is not None:
            parts.lexicon.save(temporary / LEXICON_FILE)
        if parts.mixtures is not None:
            parts.mixtures.save(temporary / MIXTURES_FILE)
        write_checksums(temporary, [name for name in _CHECKED_FILES if (temporary / name).exists()])
        (temporary / "README.md").write_text(model_card(parts, directory.name), encoding="utf-8")


def _refuse_to_replace(path: Path) -> None:
    """Refuse anything but a new or empty directory, or a model directory that holds nothing else."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not matches(path):
        raise OutputError(f"{path} already exists and is not a model directory: choose another directory")
    others = sorted(file.name for file in path.iterdir() if file.name not in _FILES)
    if others:
        raise OutputError(
            f"{path}: contains other files than a model ({', '.join(others[:5])}): choose another directory"
        )
    try:
        _read_config(path / "config.json")
    except ModelFileError as error:
        raise OutputError(f"{error}: not replaced, choose another directory") from None


def _read_config(path: Path) -> dict[str, Any]:
    values = read_json_table(path)
    if (model_type := values.pop("model_type", None)) != _MODEL_TYPE:
        raise ModelFileError(
            f"{path}: model_type: expected {_MODEL_TYPE!r}, got {model_type!r}: a model of another library"
        )
    version = values.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise ModelFileError(f"{path}: format_version: expected {FORMAT_VERSION}, got {version!r}")
    num_words, facts = values.setdefault("num_words", None), values.setdefault("facts", {})
    if num_words is not None and (type(num_words) is not int or num_words < 1):
        raise ModelFileError(f"{path}: num_words: expected a number of words, got {num_words!r}")
    if not isinstance(facts, dict):
        raise ModelFileError(f"{path}: facts: expected a table, got {facts!r}")
    if problems := _wrong_facts(facts):
        raise ModelFileError(f"{path}: facts: " + "; ".join(problems))
    return values


def _wrong_facts(facts: dict[str, Any]) -> list[str]:
    problems = [
        f"{name}: expected a number, got {fact!r}"
        for name, fact in facts.items()
        if (fact is not None or name == "step")
        and (type(fact) not in (int, float) or not abs(fact) <= _LARGEST_FACT)
    ]
    if facts.get("best_perplexity") is not None and facts.get("best_step") is None:
        problems.append("best_step: missing, expected the step of best_perplexity")
    return problems


def _read_vocabulary(path: Path, num_words: int | None) -> Vocabulary | None:
    if not path.is_file():
        return None
    vocabulary = Vocabulary.load_rows(path, num_words)
    if len(vocabulary) != num_words:
        raise ModelFileError(f"{path}: {len(vocabulary)} words, but config.json has num_words={num_words}")
    warn_of_unreachable(vocabulary, path)
    return vocabulary


def _read_lexicon(path: Path, config: ModelConfig) -> Lexicon:
    assert config.lexicon is not None
    lexicon = Lexicon.load(path)
    sizes = {
        "characters": (lexicon.num_symbols, config.lexicon.num_symbols),
        "words": (lexicon.num_words, config.lexicon.num_words),
    }
    if config.char_cnn is not None:
        sizes["max_characters"] = (lexicon.max_characters, config.char_cnn.max_characters)
    problems = [
        f"{name}: {got}, expected {expected}" for name, (got, expected) in sizes.items() if got != expected
    ]
    if problems:
        raise ModelFileError(f"{path}: does not match config.json: " + "; ".join(problems))
    return lexicon
