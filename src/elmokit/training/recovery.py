"""What to do about batches whose loss or gradient is not finite."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from elmokit.config import TrainingConfig
from elmokit.errors import ElmokitError
from elmokit.formats.checkpoint import Checkpoint
from elmokit.training.run_checkpoints import RunCheckpoints

_MAX_ROLLBACKS = 5  # to the same checkpoint: a learning rate of a thirtieth has not helped
_REMEDY = "lower learning_rate or clip_norm and continue with --resume"


class NonFiniteError(ElmokitError):
    """A loss or gradient that is not finite."""


class Rollback(NamedTuple):
    """The checkpoint to go back to, and why."""

    directory: Path
    checkpoint: Checkpoint
    reason: str


class Recovery:
    """Decides whether such a batch is skipped, or training goes back to the last checkpoint, or ends.

    Args:
        training: settings.
        checkpoints: of the run.
    """

    def __init__(self, training: TrainingConfig, checkpoints: RunCheckpoints) -> None:
        self._training = training
        self._checkpoints = checkpoints
        self._rollbacks_in_a_row = 0

    def checkpoint_written(self) -> None:
        """Start counting rollbacks again: training has made progress."""
        self._rollbacks_in_a_row = 0

    def rollback(self, error: NonFiniteError, num_in_a_row: int) -> Rollback | None:
        """Return the checkpoint to go back to, or None where the batch is only skipped.

        Args:
            error: of the batch.
            num_in_a_row: such batches, this one included.

        Raises:
            NonFiniteError: when training cannot continue.
        """
        if num_in_a_row < self._training.non_finite_limit:
            return None
        reason = (
            f"{num_in_a_row} batches in a row with a loss or gradient that is not finite, the last at {error}"
        )
        if self._training.non_finite == "stop" or self._checkpoints.is_empty:
            raise NonFiniteError(f"{reason}; {_REMEDY}")
        if self._rollbacks_in_a_row == _MAX_ROLLBACKS:
            raise NonFiniteError(
                f"{reason}; training was rolled back {_MAX_ROLLBACKS} times since its last checkpoint "
                f"without success: {_REMEDY}"
            )
        self._rollbacks_in_a_row += 1
        return Rollback(*self._checkpoints.read_last(), reason)
