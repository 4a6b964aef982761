"""The save directory of a training run, or one of its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from torch import Tensor

from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError
from elmokit.files.listing import require_regular_file
from elmokit.formats.checkpoint import (
    Checkpoint,
    damage_named,
    is_checkpoint,
    read_best_checkpoint,
    read_checkpoint,
)
from elmokit.formats.stored import Layout, ReadRequest, StoredModel, StoredOptimizer
from elmokit.model.parameter_shapes import parameter_shapes

DESCRIPTION = "a training run's save directory"
HAS_SEPARATE_OPTIONS = False

_FACTS = ("step", "best_step", "best_perplexity", "seconds")


def matches(path: Path) -> bool:
    """Return whether ``path`` is the save directory of a run or one of its checkpoints."""
    return _is_save_directory(path) or is_checkpoint(path)


def read(path: Path, request: ReadRequest) -> StoredModel:
    """Read the best checkpoint of a run, its last one without heldout text, or a given checkpoint.

    Args:
        path: the save directory of the run, or a checkpoint in it.
        request: whether to read the optimizer's state as well.

    Raises:
        CheckpointError: when there is no checkpoint, or it is damaged or of another run.
        ConfigError: when the run's configuration is missing or damaged.
        VocabularyError: when the run's vocabulary is damaged.
        TextError: when the run's vocabulary cannot be read.
    """
    files = ("model", "optimizer") if request.optimizer else ("model",)
    if _is_save_directory(path):
        directory, checkpoint, newest = read_best_checkpoint(path, files)
    else:
        directory, checkpoint = path, read_checkpoint(path, files)
        newest = checkpoint.trainer
    save_dir = directory.absolute().parents[1]
    for name in ("config.json", "vocab.txt"):
        try:
            require_regular_file(save_dir / name)
        except OSError as error:
            raise CheckpointError(f"{save_dir / name}: {error.strerror}") from None
    config = Config.load(save_dir / "config.json")
    vocabulary = Vocabulary.load(save_dir / "vocab.txt")
    with damage_named(directory / "trainer.json"):
        expected = str(checkpoint.trainer["fingerprints"]["vocabulary"])
        facts = {name: _number(newest[name]) for name in _FACTS}
        optimizer = _optimizer(checkpoint, config) if request.optimizer else None
    if expected != vocabulary.fingerprint:
        raise CheckpointError(
            f"{save_dir / 'vocab.txt'}: not the vocabulary of this run ({len(vocabulary)} words, fingerprint "
            f"{vocabulary.fingerprint}, expected fingerprint {expected}): restore the right file"
        )
    recorded = checkpoint.trainer.get("config")
    if recorded is not None:
        differences = Config.parse(recorded, source=str(directory)).model_differences(config)
        if differences:
            raise CheckpointError(
                f"{save_dir / 'config.json'}: not the model of this run (checkpoint, file): "
                + "; ".join(differences)
                + ": restore the right file"
            )
    shapes = parameter_shapes(
        config.model, len(vocabulary), with_softmax=True, source=save_dir / "config.json"
    )
    return StoredModel(
        directory,
        config,
        len(vocabulary),
        checkpoint.tensors["model"],
        Layout(shapes, dict),
        described_by="the config.json of its run",
        vocabulary=vocabulary,
        facts=facts,
        optimizer=optimizer,
        error=CheckpointError,
    )


def _is_save_directory(path: Path) -> bool:
    return (path / "checkpoints").is_dir()


def _number(value: Any) -> float | None:
    if value is not None and type(value) not in (int, float):
        raise TypeError(f"expected a number, got {value!r}")
    return cast("float | None", value)


def _optimizer(checkpoint: Checkpoint, config: Config) -> StoredOptimizer:
    slots: dict[str, dict[str, Tensor]] = {}
    for key, values in checkpoint.tensors["optimizer"].items():
        name, _, slot = key.rpartition("/")
        slots.setdefault(slot, {})[name] = values
    return StoredOptimizer(
        config.training.optimizer,
        int(checkpoint.trainer["num_updates"]),
        slots,
        {slot: f"/{slot}" for slot in slots},
    )
