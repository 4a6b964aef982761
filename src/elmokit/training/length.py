"""How many steps a run takes, and when it evaluates."""

from __future__ import annotations

from dataclasses import dataclass

from elmokit.config import TrainingConfig


@dataclass(frozen=True)
class RunLength:
    """The length of a run in steps.

    Args:
        training: settings.
        num_predictions_per_epoch: targets of one pass over the training text, per direction.
    """

    training: TrainingConfig
    num_predictions_per_epoch: int

    @property
    def predictions_per_step(self) -> int:
        """Targets of one update, per direction."""
        return self.training.num_rows * self.training.unroll_steps

    @property
    def steps_per_epoch(self) -> float:
        """Updates of one pass over the training text."""
        return self.num_predictions_per_epoch / self.predictions_per_step

    @property
    def num_steps(self) -> int:
        """Updates until the end of the last epoch, or ``max_steps``."""
        steps = self.training.num_epochs * self.num_predictions_per_epoch // self.predictions_per_step
        return max(1, min(steps, self.training.max_steps or steps))

    @property
    def evaluation_interval(self) -> int:
        """Updates between two evaluations."""
        return max(1, round(self.steps_per_epoch / self.training.evaluations_per_epoch))
