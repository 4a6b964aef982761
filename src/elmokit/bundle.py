"""Finding and loading a trained model, whatever form it has."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from elmokit.checkpoint import read_best_model
from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError, ConfigError, ModelFileError
from elmokit.formats.bilm_hdf5 import dataset_names, read_weights
from elmokit.model.bilm import BiLM

_VOCABULARY_FILES = ("vocab.txt", "vocab.txt.gz")


@dataclass(frozen=True)
class PretrainedModel:
    """A model and what is known about it."""

    model: BiLM
    """On the CPU, without gradients."""
    config: Config
    vocabulary: Vocabulary | None
    """None where none lies beside the weights; characters need none to embed."""
    source: Path
    """The file or directory that holds the weights."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Of its training, where known: step, best_step, best_perplexity, seconds."""

    def require_softmax(self) -> Vocabulary:
        """The vocabulary of a model that can predict words.

        Raises:
            ModelFileError: when the model came without its softmax.
        """
        if self.model.softmax is None or self.vocabulary is None:
            raise ModelFileError(
                f"{self.source}: these weights come without a softmax, so there is nothing to predict words "
                "with: expected the save directory of a training run"
            )
        return self.vocabulary


def load_model(path: str | Path) -> PretrainedModel:
    """Load a model from any of these, told apart by looking:

    - the save directory of a training run: its best checkpoint, or the last without heldout text;
    - a directory with ``options.json`` and one ``.hdf5`` file, and optionally ``vocab.txt``;
    - such an ``.hdf5`` file.

    Raises:
        ModelFileError: when there is no model, or its weights are damaged or do not fit.
        CheckpointError: when a checkpoint is damaged.
        ConfigError: when its options are wrong.
    """
    path = Path(path)
    if not path.exists():
        raise ModelFileError(f"{path}: no such file or directory: expected a model")
    if path.is_file():
        return _load_bilm_pair(path)
    if (path / "checkpoints").is_dir():
        return _load_save_directory(path)
    weight_files = sorted([*path.glob("*.hdf5"), *path.glob("*.h5")])
    if len(weight_files) == 1:
        return _load_bilm_pair(weight_files[0])
    found = f"{len(weight_files)} weight files" if weight_files else "neither"
    raise ModelFileError(
        f"{path}: found {found}, expected the save directory of a training run (with checkpoints/), or "
        "options.json and one .hdf5 file"
    )


def _load_save_directory(save_dir: Path) -> PretrainedModel:
    config = Config.load(save_dir / "config.json")
    vocabulary = Vocabulary.load(save_dir / "vocab.txt")
    directory, tensors, facts = read_best_model(save_dir)
    model = BiLM(config.model, len(vocabulary))
    faults = []
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name not in tensors:
                faults.append(f"{name}: missing")
            elif tensors[name].shape != parameter.shape:
                faults.append(
                    f"{name}: shape {tuple(tensors[name].shape)}, expected {tuple(parameter.shape)}"
                )
            else:
                parameter.copy_(tensors[name])
    if faults:
        raise CheckpointError(
            f"{directory}: does not fit config.json and vocab.txt of its run ({len(vocabulary)} words): "
            + "; ".join(faults)
        )
    if facts["fingerprints"]["vocabulary"] != vocabulary.fingerprint:
        raise CheckpointError(
            f"{save_dir / 'vocab.txt'}: not this run's vocabulary (fingerprint {vocabulary.fingerprint}, "
            f"expected {facts['fingerprints']['vocabulary']}): put the right one back"
        )
    model.requires_grad_(False)
    keys = ("step", "best_step", "best_perplexity", "seconds")
    return PretrainedModel(model, config, vocabulary, directory, {key: facts[key] for key in keys})


def _load_bilm_pair(weights: Path) -> PretrainedModel:
    options = weights.parent / "options.json"
    if weights.suffix not in (".hdf5", ".h5"):
        raise ModelFileError(f"{weights}: expected an .hdf5 file with its options.json beside it")
    if not options.exists():
        raise ModelFileError(f"{options}: missing: the geometry of {weights.name} stands there")
    config = Config.load(options)
    vocabulary = None
    for name in _VOCABULARY_FILES:
        if vocabulary is None and (weights.parent / name).exists():
            vocabulary = Vocabulary.load(weights.parent / name)
    num_words = None
    if config.model.char_cnn is None:
        num_words = json.loads(options.read_text(encoding="utf-8")).get("n_tokens_vocab")
        if num_words is None and vocabulary is not None:
            num_words = len(vocabulary)
        if not isinstance(num_words, int) or num_words < 1:
            raise ConfigError(
                f"{options}: n_tokens_vocab: expected the number of word embeddings, got {num_words!r}"
            )
        if vocabulary is not None and len(vocabulary) != num_words:
            raise ModelFileError(
                f"{weights.parent / 'vocab.txt'}: {len(vocabulary)} words, n_tokens_vocab={num_words}"
            )
    with torch.device("meta"):  # only for the shapes; nothing is allocated
        shapes = {name: value.shape for name, value in BiLM(config.model, num_words).named_parameters()}
    parameters = read_weights(weights, config.model, shapes)
    model = BiLM(config.model, num_words)
    model.softmax = None  # the format has none
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(parameters[name])
    assert set(parameters) == set(dataset_names(config.model))
    model.requires_grad_(False)
    return PretrainedModel(model, config, vocabulary, weights)
