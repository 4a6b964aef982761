"""Checkpoints: directories written beside and renamed, checked when read.

A checkpoint holds everything that changes during training::

    model.safetensors       parameters
    optimizer.safetensors   the optimizer's slots, such as ``softmax.bias/sum``
    state.safetensors       carried LSTM states, state of the dropout generator
    trainer.json            counters, stream position, sampling generator, fingerprints, and the
                            checksum of each file above

Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from elmokit.errors import CheckpointError
from elmokit.files.atomic import new_directory
from elmokit.files.checksums import file_checksum, values_checksum

FORMAT_VERSION = 3
TENSOR_FILES = ("model", "optimizer", "state")


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint directory."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    """``model``, ``optimizer`` and ``state``: tensors by name."""
    trainer: dict[str, Any]
    """Plain values; see :class:`~elmokit.training.trainer.Trainer`."""


def checkpoint_directory(save_dir: Path, step: int) -> Path:
    """Where the checkpoint after ``step`` updates lies."""
    return save_dir / "checkpoints" / f"step-{step:08d}"


def write_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all.

    Raises:
        OutputError: when the disk is full or not writable.
    """
    with new_directory(directory) as temporary:
        checksums = {}
        for name in TENSOR_FILES:
            file = temporary / f"{name}.safetensors"
            tensors = {
                key: value.detach().cpu().contiguous() for key, value in checkpoint.tensors[name].items()
            }
            try:
                save_file(tensors, file)
            except SafetensorError as error:  # it wraps the operating system's error
                raise OSError(28, str(error)) from error
            checksums[file.name] = file_checksum(file)
        values = {"format_version": FORMAT_VERSION, "checksums": checksums, **checkpoint.trainer}
        text = json.dumps({"own_checksum": values_checksum(values), **values}, indent=1)
        (temporary / "trainer.json").write_text(text + "\n", encoding="utf-8")


def read_checkpoint(directory: Path, files: Sequence[str] = TENSOR_FILES) -> Checkpoint:
    """Read a checkpoint and check it against its checksums.

    Args:
        directory: of the checkpoint.
        files: those of its tensors that are wanted.

    Raises:
        CheckpointError: naming the file that is missing, truncated or changed.
    """
    trainer = _read_trainer(directory)
    return Checkpoint({name: _read_tensors(directory, name, trainer) for name in files}, trainer)


def read_best_checkpoint(
    save_dir: Path, files: Sequence[str] = TENSOR_FILES
) -> tuple[Path, Checkpoint, dict[str, Any]]:
    """The checkpoint with the best heldout perplexity, or the newest where that is not known or deleted.

    Args:
        save_dir: of the run.
        files: those of its tensors that are wanted.

    Returns:
        Its directory, its content, and the plain values of the newest checkpoint.

    Raises:
        CheckpointError: when there is no checkpoint, or one that is needed is damaged.
    """
    directories = list_checkpoints(save_dir)
    if not directories:
        raise CheckpointError(
            f"{save_dir}: no checkpoint there yet: expected a training run that has saved one"
        )
    directory = directories[-1]
    try:
        newest = _read_trainer(directory)
        best = checkpoint_directory(save_dir, newest["best_step"])
        if newest["best_perplexity"] is not None and best.is_dir():
            directory = best
        else:  # none was measured, or it was deleted
            newest |= {"best_step": 0, "best_perplexity": None}
        return directory, read_checkpoint(directory, files), newest
    except CheckpointError as error:
        if len(directories) == 1:
            raise
        # Not in silence: another checkpoint is another model.
        raise CheckpointError(
            f"{error}: put it back from a copy, or delete {directory} for another checkpoint to be used"
        ) from None


def is_checkpoint(directory: Path) -> bool:
    """Whether a directory looks like a checkpoint."""
    return (directory / "trainer.json").is_file()


def list_checkpoints(save_dir: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted((save_dir / "checkpoints").glob("step-*"))


def read_last_checkpoint(save_dir: Path) -> tuple[Path, Checkpoint, list[str]]:
    """The newest checkpoint that is whole, its directory, and what is wrong with newer ones.

    Raises:
        CheckpointError: when there is none.
    """
    faults: list[str] = []
    for directory in reversed(list_checkpoints(save_dir)):
        try:
            return directory, read_checkpoint(directory), faults
        except CheckpointError as error:
            faults.append(str(error))
    raise CheckpointError("; ".join(faults) or f"{save_dir}: no checkpoint there to resume from")


def remove_old_checkpoints(save_dir: Path, *, step: int, keep: set[int], keep_last: int) -> None:
    """Delete all checkpoints but the last ones up to ``step`` and those of the steps in ``keep``.

    Later ones were left by a run that went on from an earlier checkpoint because they are damaged.
    """
    directories = list_checkpoints(save_dir)
    newest = directories.index(checkpoint_directory(save_dir, step)) + 1
    kept = {checkpoint_directory(save_dir, step) for step in keep}
    for directory in (*directories[: newest - keep_last], *directories[newest:]):
        if directory not in kept:
            shutil.rmtree(directory, ignore_errors=True)


def _read_trainer(directory: Path) -> dict[str, Any]:
    path = directory / "trainer.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values["format_version"]
        own_checksum = values.pop("own_checksum")
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: damaged checkpoint ({error})") from None
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path}: format version {version}, expected {FORMAT_VERSION}")
    if own_checksum != values_checksum(values):
        raise CheckpointError(f"{path}: damaged checkpoint (its checksum is wrong)")
    assert isinstance(values, dict)
    return values


def _read_tensors(directory: Path, name: str, trainer: Mapping[str, Any]) -> dict[str, Tensor]:
    file = directory / f"{name}.safetensors"
    try:
        if file_checksum(file) != trainer["checksums"][file.name]:
            raise CheckpointError(f"{file}: damaged checkpoint (its checksum is wrong)")
        tensors: dict[str, Tensor] = load_file(file)
    except (OSError, SafetensorError, KeyError) as error:
        raise CheckpointError(f"{file}: damaged checkpoint ({error})") from None
    return tensors
