"""Reading the save directory of a training run, or one of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError
from elmokit.formats.checkpoint import Checkpoint, read_best_checkpoint, read_checkpoint
from elmokit.pretrained import (
    OptimizerState,
    PretrainedModel,
    expected_shapes,
    faults_of,
    model_from_tensors,
)


def read_training_run(save_dir: Path, *, with_optimizer: bool = False) -> PretrainedModel:
    """The best checkpoint of a run, or its last without heldout text.

    Args:
        save_dir: of the run.
        with_optimizer: read where the optimizer stood as well.

    Raises:
        CheckpointError: when there is no checkpoint, or it is damaged or of another run.
    """
    directory, checkpoint, newest = read_best_checkpoint(save_dir, _files(with_optimizer))
    return _model(directory, checkpoint, newest)


def read_training_checkpoint(directory: Path, *, with_optimizer: bool = False) -> PretrainedModel:
    """One checkpoint, which lies in the save directory of its run.

    Raises:
        CheckpointError: when it is damaged or of another run.
    """
    checkpoint = read_checkpoint(directory, _files(with_optimizer))
    return _model(directory, checkpoint, checkpoint.trainer)


def _files(with_optimizer: bool) -> Sequence[str]:
    return ("model", "optimizer") if with_optimizer else ("model",)


def _model(directory: Path, checkpoint: Checkpoint, facts: Mapping[str, Any]) -> PretrainedModel:
    save_dir = directory.absolute().parents[1]
    config = Config.load(save_dir / "config.json")
    vocabulary = Vocabulary.load(save_dir / "vocab.txt")
    tensors = checkpoint.tensors["model"]
    shapes = expected_shapes(config, len(vocabulary), with_softmax=True, source=save_dir / "config.json")
    faults = faults_of(tensors, shapes)
    if faults:
        raise CheckpointError(
            f"{directory}: does not fit config.json and vocab.txt of its run ({len(vocabulary)} words): "
            + "; ".join(faults)
        )
    if checkpoint.trainer["fingerprints"]["vocabulary"] != vocabulary.fingerprint:
        raise CheckpointError(
            f"{save_dir / 'vocab.txt'}: not this run's vocabulary (fingerprint {vocabulary.fingerprint}, "
            f"expected {checkpoint.trainer['fingerprints']['vocabulary']}): put the right one back"
        )
    return PretrainedModel(
        model_from_tensors(config, len(vocabulary), tensors, with_softmax=True),
        config,
        vocabulary,
        directory,
        {key: facts[key] for key in ("step", "best_step", "best_perplexity", "seconds")},
        optimizer_state=_optimizer_state(checkpoint, config) if "optimizer" in checkpoint.tensors else None,
    )


def _optimizer_state(checkpoint: Checkpoint, config: Config) -> OptimizerState:
    slots: dict[str, dict[str, Any]] = {}
    for key, values in checkpoint.tensors["optimizer"].items():
        name, slot = key.rsplit("/", 1)
        slots.setdefault(slot, {})[name] = values
    return OptimizerState(config.training.optimizer, slots, checkpoint.trainer["num_updates"])
