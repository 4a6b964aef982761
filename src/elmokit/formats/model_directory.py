"""elmokit's own model directory, which is also what a Hugging Face repository holds.

``config.json`` (geometry, recipe and facts of the training), ``model.safetensors`` (every parameter,
softmax included), ``vocab.txt``, for a model of ELMoForManyLangs ``lexicon.json``, and ``README.md``, the
model card.
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
from elmokit.formats.model_card import model_card
from elmokit.pretrained import PretrainedModel, expected_shapes, faults_of, model_from_tensors

FORMAT_VERSION = 1
_LARGEST_FACT = 1e18  # of steps, tokens or seconds; NaN is not below it either
_LARGEST_HALF = int(torch.finfo(torch.float16).max)
WEIGHTS_FILE = "model.safetensors"
LEXICON_FILE = "lexicon.json"
_FILES = ("config.json", WEIGHTS_FILE, "vocab.txt", LEXICON_FILE, "README.md")


def write_model_directory(
    pretrained: PretrainedModel, directory: Path, *, half_precision: bool = False
) -> None:
    """Write a model directory, whole or not at all; an earlier model directory is replaced.

    Args:
        pretrained: the model.
        directory: its name becomes the name in the model card.
        half_precision: store 16 bits of each number.

    Raises:
        ModelFileError: when a parameter is too large for half precision.
        OutputError: when it cannot be written, or when something else is there.
    """
    _refuse_to_replace(directory)
    values: dict[str, Any] = {
        "model_type": "elmokit-bilm",
        "format_version": FORMAT_VERSION,
        "num_words": pretrained.model.num_words,
        "facts": dict(pretrained.facts),
        **pretrained.config.model_dump(mode="json"),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in pretrained.model.named_parameters()}
    if half_precision:
        tensors = {name: value.half() for name, value in tensors.items()}
        too_large = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
        if too_large:
            raise ModelFileError(
                f"{pretrained.source}: too large for half precision, at most {_LARGEST_HALF:,}: "
                + ", ".join(too_large)
            )
    with new_directory(directory) as temporary:
        try:
            save_file(tensors, temporary / WEIGHTS_FILE, metadata={"format": "pt"})
        except SafetensorError as error:  # it wraps the operating system's error
            raise OSError(28, str(error)) from error
        (temporary / "config.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        if pretrained.vocabulary is not None:
            pretrained.vocabulary.save(temporary / "vocab.txt")
        if pretrained.lexicon is not None:
            pretrained.lexicon.save(temporary / LEXICON_FILE)
        (temporary / "README.md").write_text(model_card(pretrained, directory.name), encoding="utf-8")


def _refuse_to_replace(path: Path) -> None:
    """Only a model directory of ours may go, and only with nothing else in it."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not is_model_directory(path):
        raise OutputError(f"{path}: already there and not a model directory: name another one")
    strangers = sorted(file.name for file in path.iterdir() if file.name not in _FILES)
    if strangers:
        raise OutputError(f"{path}: holds more than a model ({', '.join(strangers[:5])}): name another one")
    try:
        _read_config(path / "config.json")
    except ModelFileError as error:
        raise OutputError(f"{error}: not replaced, name another directory") from None


def is_model_directory(path: Path) -> bool:
    """Whether a directory looks like one that :func:`write_model_directory` wrote."""
    return (path / WEIGHTS_FILE).is_file() and (path / "config.json").is_file()


def read_model_directory(directory: Path) -> PretrainedModel:
    """Read a model directory.

    Raises:
        ModelFileError: when a file is damaged, or the weights do not fit.
        ConfigError: when a setting is wrong.
        VocabularyError: when the vocabulary is damaged.
    """
    path = directory / "config.json"
    values = _read_config(path)
    num_words, facts = values.pop("num_words"), values.pop("facts")
    config = Config.parse(values, source=str(path))
    vocabulary = Vocabulary.load(directory / "vocab.txt") if (directory / "vocab.txt").exists() else None
    if vocabulary is not None and len(vocabulary) != num_words:
        raise ModelFileError(f"{directory / 'vocab.txt'}: {len(vocabulary)} words, num_words={num_words}")
    lexicon = None
    if config.model.lexicon is not None:
        lexicon = Lexicon.load(directory / LEXICON_FILE)
        faults = _sizes_that_differ(lexicon, config.model)
        if faults:
            path = directory / LEXICON_FILE
            raise ModelFileError(f"{path}: does not fit config.json: " + "; ".join(faults))
    weights = directory / WEIGHTS_FILE
    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelFileError(f"{weights}: cannot read the weights: damaged ({error})") from None
    with_softmax = "softmax.bias" in tensors
    if num_words is None and (with_softmax or (config.model.char_cnn is None and lexicon is None)):
        raise ModelFileError(f"{path}: num_words: missing, expected the number of words of the weights")
    shapes = expected_shapes(config, num_words, with_softmax=with_softmax, source=path)
    faults = faults_of(tensors, shapes)
    if faults:
        raise ModelFileError(f"{weights}: does not fit its config.json: " + "; ".join(faults))
    model = model_from_tensors(config, num_words, tensors, with_softmax=with_softmax)
    return PretrainedModel(model, config, vocabulary, directory, facts, lexicon=lexicon)


def _sizes_that_differ(lexicon: Lexicon, config: ModelConfig) -> list[str]:
    assert config.lexicon is not None
    sizes = {
        "characters": (lexicon.num_symbols, config.lexicon.num_symbols),
        "words": (lexicon.num_words, config.lexicon.num_words),
    }
    if config.char_cnn is not None:
        sizes["max_characters"] = (lexicon.max_characters, config.char_cnn.max_characters)
    return [f"{name}: {own}, expected {told}" for name, (own, told) in sizes.items() if own != told]


def _read_config(path: Path) -> dict[str, Any]:
    values = read_json_table(path)
    if values.pop("model_type", None) != "elmokit-bilm":
        raise ModelFileError(f"{path}: model_type: expected elmokit-bilm, so this is a model of another kind")
    version = values.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise ModelFileError(f"{path}: format_version: expected {FORMAT_VERSION}, got {version!r}")
    num_words, facts = values.setdefault("num_words", None), values.setdefault("facts", {})
    if num_words is not None and (type(num_words) is not int or num_words < 1):
        raise ModelFileError(f"{path}: num_words: expected a number of words, got {num_words!r}")
    if not isinstance(facts, dict):
        raise ModelFileError(f"{path}: facts: expected a table, got {facts!r}")
    faults = [
        f"{name}: expected a number, got {fact!r}"
        for name, fact in facts.items()
        if (fact is not None or name == "step")
        and (type(fact) not in (int, float) or not abs(fact) <= _LARGEST_FACT)
    ]
    if facts.get("best_perplexity") is not None and facts.get("best_step") is None:
        faults.append("best_step: missing, expected the step of best_perplexity")
    if faults:
        raise ModelFileError(f"{path}: facts: " + "; ".join(faults))
    return values
