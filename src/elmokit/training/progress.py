"""What a training run reports after each step."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from elmokit.training.evaluation import Evaluation


@dataclass(frozen=True)
class Progress:
    """The progress of training after a step."""

    step: int
    num_steps: int
    epoch: float
    num_predictions: int
    """Made so far, per direction."""
    perplexity: float
    """Of recent training batches; of the sampled softmax where that is used."""
    tokens_per_second: float
    evaluation: Evaluation | None = None
    is_best: bool = False
    checkpoint: Path | None = None
    stopped_early: bool = False
    """By ``patience``."""
    stopped: bool = False
    """By :meth:`Trainer.request_stop`."""
    warning: str | None = None
    """What went wrong in a batch, and what was done about it."""

    def __repr__(self) -> str:
        happened = "".join(
            f", {field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if field.default is not MISSING and getattr(self, field.name) != field.default
        )
        return (
            f"Progress(step={self.step}, num_steps={self.num_steps}, epoch={self.epoch:.3f}, "
            f"perplexity={self.perplexity:.2f}, tokens_per_second={self.tokens_per_second:,.0f}{happened})"
        )
