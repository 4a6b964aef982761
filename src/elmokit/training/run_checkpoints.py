"""The checkpoints of one run in its save directory."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from elmokit.errors import OutputError
from elmokit.formats.checkpoint import (
    Checkpoint,
    checkpoint_directory,
    checkpoint_step,
    list_checkpoints,
    read_last_checkpoint,
    remove_old_checkpoints,
    write_checkpoint,
)

_logger = logging.getLogger(__name__)

_KEEP_LAST = 2  # so that one remains when the newest turns out to be damaged


class RunCheckpoints:
    """Writes the checkpoints of a run, and deletes old ones of this run and no others.

    Args:
        save_dir: of the run.
    """

    def __init__(self, save_dir: Path) -> None:
        self._save_dir = save_dir
        self._own_steps: set[int] = set()
        self._last_written = time.monotonic()

    @property
    def is_empty(self) -> bool:
        """Whether this run has no checkpoint yet."""
        return not self._own_steps

    @property
    def seconds_since_last(self) -> float:
        """Since the last checkpoint was written, or since the run began."""
        return time.monotonic() - self._last_written

    def adopt(self, step: int) -> None:
        """Take the checkpoints in the save directory for this run's, if the one of ``step`` is among them."""
        if checkpoint_directory(self._save_dir, step).is_dir():
            self._own_steps |= set(map(checkpoint_step, list_checkpoints(self._save_dir)))

    def refuse_others(self) -> None:
        """Refuse a save directory that holds checkpoints of another run.

        Raises:
            OutputError: naming the directory.
        """
        others = [
            directory
            for directory in list_checkpoints(self._save_dir)
            if checkpoint_step(directory) not in self._own_steps
        ]
        if others:
            raise another_run_error(self._save_dir)

    def write(self, checkpoint: Checkpoint, *, step: int, best_step: int | None) -> Path:
        """Write a checkpoint; keep the last ones and the best one.

        Raises:
            OutputError: when it cannot be written; older checkpoints are untouched.
        """
        directory = checkpoint_directory(self._save_dir, step)
        write_checkpoint(directory, checkpoint)
        _logger.info("step %d: wrote %s", step, directory)
        self._own_steps.add(step)
        remove_old_checkpoints(
            self._save_dir,
            made=self._own_steps,
            step=step,
            keep=set() if best_step is None else {best_step},
            keep_last=_KEEP_LAST,
        )
        self._last_written = time.monotonic()
        return directory

    def read_last(self) -> tuple[Path, Checkpoint]:
        """Return the newest undamaged checkpoint and its directory.

        Raises:
            CheckpointError: when there is none.
        """
        directory, checkpoint, _ = read_last_checkpoint(self._save_dir)
        return directory, checkpoint


def another_run_error(save_dir: Path) -> OutputError:
    """Return the error for a save directory that holds another run."""
    return OutputError(
        f"{save_dir}: already holds a training run: continue it with --resume, or choose another --save-dir"
    )
