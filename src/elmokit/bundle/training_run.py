"""Reading the save directory of a training run, or one of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elmokit.bundle.pretrained import (
    OptimizerState,
    PretrainedModel,
    expected_shapes,
    faults_of,
    model_from_tensors,
)
from elmokit.checkpoint import Checkpoint, find_best_checkpoint, read_checkpoint
from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError


def read_training_run(save_dir: Path, *, with_optimizer: bool = False) -> PretrainedModel:
    """The best checkpoint of a run, or its last without heldout text.

    Args:
        save_dir: of the run.
        with_optimizer: read where the optimizer stood as well.

    Raises:
        CheckpointError: when there is no checkpoint, or it is damaged or of another run.
    """
    directory, newest = find_best_checkpoint(save_dir)
    return _read(directory, newest, with_optimizer)


def read_training_checkpoint(directory: Path, *, with_optimizer: bool = False) -> PretrainedModel:
    """One checkpoint, which lies in the save directory of its run.

    Raises:
        CheckpointError: when it is damaged or of another run.
    """
    return _read(directory, None, with_optimizer)


def _read(directory: Path, newest: Mapping[str, Any] | None, with_optimizer: bool) -> PretrainedModel:
    save_dir = directory.absolute().parents[1]
    config = Config.load(save_dir / "config.json")
    vocabulary = Vocabulary.load(save_dir / "vocab.txt")
    checkpoint = read_checkpoint(directory, ("model", "optimizer") if with_optimizer else ("model",))
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
    trainer = checkpoint.trainer if newest is None else newest
    return PretrainedModel(
        model_from_tensors(config, len(vocabulary), tensors, with_softmax=True),
        config,
        vocabulary,
        directory,
        {key: trainer[key] for key in ("step", "best_step", "best_perplexity", "seconds")},
        optimizer_state=_optimizer_state(checkpoint, config) if with_optimizer else None,
    )


def _optimizer_state(checkpoint: Checkpoint, config: Config) -> OptimizerState:
    slots: dict[str, dict[str, Any]] = {}
    for key, values in checkpoint.tensors["optimizer"].items():
        name, slot = key.rsplit("/", 1)
        slots.setdefault(slot, {})[name] = values
    return OptimizerState(config.training.optimizer, slots, checkpoint.trainer["num_updates"])
