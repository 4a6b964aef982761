"""Checkpoints: directories that are written under a temporary name, renamed, and verified when read.

A checkpoint holds everything that changes during training::

    model.safetensors       parameters
    optimizer.safetensors   the optimizer's slots, e.g. ``softmax.bias/sum``
    state.safetensors       carried LSTM states, state of the dropout generator
    trainer.json            counters, stream position, sampling generator, fingerprints, and the
                            checksum of each file above

Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from elmokit.errors import CheckpointError, ElmokitError
from elmokit.files.atomic import new_directory
from elmokit.files.checksums import file_checksum, values_checksum
from elmokit.files.json_table import read_json

FORMAT_VERSION = 3
TENSOR_FILES = ("model", "optimizer", "state")

_NAME = re.compile(r"step-([0-9]+)")
_MOST_TRIES = 20  # to read a checkpoint of a run that keeps replacing them
_SETTLING_SECONDS = 0.05  # within which a checkpoint that is being replaced has its name again


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint directory."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    """``model``, ``optimizer`` and ``state``: tensors by name."""
    trainer: dict[str, Any]
    """Plain values; see :class:`~elmokit.training.trainer.Trainer`."""


def checkpoint_directory(save_dir: Path, step: int) -> Path:
    """Return the directory of the checkpoint after ``step`` updates, whether it exists or not."""
    return save_dir / "checkpoints" / f"step-{step:08d}"


def checkpoint_step(directory: Path) -> int:
    """Return the number of updates after which a checkpoint was written, from its directory's name."""
    match = _NAME.fullmatch(directory.name)
    assert match is not None, directory
    return int(match[1])


def write_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, completely or not at all.

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
    """Read a checkpoint and verify its checksums.

    Args:
        directory: the checkpoint.
        files: which of its tensor files to read.

    Raises:
        CheckpointError: when a file is missing, truncated or changed; the message names it.
    """
    trainer = read_values(directory)
    return Checkpoint({name: _read_tensors(directory, name, trainer) for name in files}, trainer)


def read_best_checkpoint(
    save_dir: Path, files: Sequence[str] = TENSOR_FILES
) -> tuple[Path, Checkpoint, dict[str, Any]]:
    """Read the checkpoint with the best heldout perplexity.

    Without heldout text, or when the best checkpoint has been deleted, this is the newest checkpoint. The run
    may be going on: when a checkpoint is replaced meanwhile, the new one is read.

    Args:
        save_dir: the save directory of the run.
        files: which of its tensor files to read.

    Returns:
        Its directory, its content, and the plain values of the newest checkpoint.

    Raises:
        CheckpointError: when there is no checkpoint, or a required one is damaged.
    """
    tries = _MOST_TRIES
    while True:
        before, tries = _listing(save_dir), tries - 1
        try:
            return _read_best(save_dir, files)
        except CheckpointError:
            if _listing(save_dir, _SETTLING_SECONDS) == before or not tries:
                raise


def _read_best(save_dir: Path, files: Sequence[str]) -> tuple[Path, Checkpoint, dict[str, Any]]:
    directories = list_checkpoints(save_dir)
    if not directories:
        raise CheckpointError(
            f"{save_dir}: no checkpoint there yet: expected a training run that has saved one"
        )
    directory = directories[-1]
    try:
        newest = read_values(directory)
        with damage_named(directory / "trainer.json"):
            best = checkpoint_directory(save_dir, newest["best_step"])
            has_best = newest["best_perplexity"] is not None and best.is_dir()
        if has_best:
            directory = best
        else:  # none was measured, or it was deleted
            newest |= {"best_step": 0, "best_perplexity": None}
        return directory, read_checkpoint(directory, files), newest
    except CheckpointError as error:
        if len(directories) == 1:
            raise
        # Never fall back silently: another checkpoint is another model.
        raise CheckpointError(
            f"{error}: restore it from a copy, or delete {directory} to use another checkpoint"
        ) from None


@contextmanager
def damage_named(where: Path | str) -> Iterator[None]:
    """Turn what missing and impossible values of a checkpoint raise into a CheckpointError.

    A checkpoint may come from others, with checksums that are right.
    """
    try:
        yield
    except ElmokitError:
        raise
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RuntimeError,
        OSError,
    ) as error:
        raise CheckpointError(f"{where}: damaged checkpoint ({type(error).__name__}: {error})") from None


def _listing(save_dir: Path, seconds: float = 0.0) -> list[tuple[str, int, int]]:
    """Return which checkpoints there are after some time, also whether one has been replaced."""
    time.sleep(seconds)
    states = []
    for directory in list_checkpoints(save_dir):
        with suppress(OSError):  # just deleted
            status = directory.stat()
            states.append((directory.name, status.st_ino, status.st_mtime_ns))
    return states


def is_checkpoint(directory: Path) -> bool:
    """Return whether a directory looks like a checkpoint."""
    return (directory / "trainer.json").is_file()


def list_checkpoints(save_dir: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first: directories named ``step-`` and digits."""
    directories = [
        path
        for path in (save_dir / "checkpoints").glob("step-*")
        if _NAME.fullmatch(path.name) and path.is_dir()
    ]
    return sorted(directories, key=checkpoint_step)


def read_last_checkpoint(save_dir: Path) -> tuple[Path, Checkpoint, list[str]]:
    """Return the newest undamaged checkpoint: its directory, its content, and the errors of newer ones.

    Raises:
        CheckpointError: when there is none.
    """
    problems: list[str] = []
    for directory in reversed(list_checkpoints(save_dir)):
        try:
            return directory, read_checkpoint(directory), problems
        except CheckpointError as error:
            problems.append(str(error))
    raise CheckpointError("; ".join(problems) or f"{save_dir}: no checkpoint there to resume from")


def remove_old_checkpoints(
    save_dir: Path, *, made: Collection[int], step: int, keep: Collection[int], keep_last: int
) -> None:
    """Delete the checkpoints of this run that are no longer needed.

    Checkpoints later than ``step`` are deleted too: the run has gone back to an earlier one and left them
    behind. Nothing that is not in ``made`` is ever deleted.

    Args:
        save_dir: the save directory of the run.
        made: the steps of the checkpoints that belong to this run, because it wrote them or resumed from
            their directory; the only ones that may be deleted.
        step: the step of the checkpoint just written.
        keep: steps to keep in any case, such as the best one.
        keep_last: how many of ``made`` up to ``step`` to keep, at least 1.
    """
    own = [directory for directory in list_checkpoints(save_dir) if checkpoint_step(directory) in made]
    current = [directory for directory in own if checkpoint_step(directory) <= step]
    for directory in own:
        if directory not in current[-keep_last:] and checkpoint_step(directory) not in keep:
            shutil.rmtree(directory, ignore_errors=True)


def read_values(directory: Path) -> dict[str, Any]:
    """Return the plain values of a checkpoint.

    Raises:
        CheckpointError: when they are missing or damaged.
    """
    path = directory / "trainer.json"
    try:
        values = read_json(path)
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
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file}: damaged checkpoint ({error})") from None
    return tensors
