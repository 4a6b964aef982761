"""Figures over the training batches since the last record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from elmokit.data.vocabulary import EOS_ID, UNK_ID
from elmokit.model.perplexity import perplexity


@dataclass
class Recent:
    """What has happened since the last record of training batches."""

    losses: list[float] = field(default_factory=list)
    """Of the batches."""
    num_words: int = 0
    """Targets, sentence ends not included."""
    num_unknown: int = 0
    """Those of them that are not in the vocabulary."""
    seconds: float = 0.0
    """Spent on training steps."""
    last_loss: float | None = None
    """Mean loss of the last record."""

    def add(self, loss: float, targets: np.ndarray, seconds: float) -> None:
        """Count a batch.

        Args:
            loss: of the batch.
            targets: vocabulary ids of the forward direction's targets.
            seconds: that its step took.
        """
        self.losses.append(loss)
        self.num_words += int((targets != EOS_ID).sum())
        self.num_unknown += int((targets == UNK_ID).sum())
        self.seconds += seconds

    def record(self, predictions_per_step: int) -> dict[str, float]:
        """Return the figures that are written down."""
        loss = self.mean_loss()
        return {
            "loss": loss,
            "perplexity": perplexity(loss),
            "tokens_per_second": len(self.losses) * predictions_per_step / max(self.seconds, 1e-9),
            "unk_share": self.num_unknown / max(1, self.num_words),
        }

    def mean_loss(self) -> float:
        """Return the mean loss since the last record, or of the last record where there is none since."""
        if self.losses:
            return float(np.mean(self.losses))
        return math.nan if self.last_loss is None else self.last_loss

    def start_anew(self) -> None:
        """Begin again after a record."""
        self.load_state_dict(asdict(Recent(last_loss=self.mean_loss())))

    def state_dict(self) -> dict[str, Any]:
        """Return the figures for a checkpoint."""
        return asdict(self)

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Continue from a checkpoint."""
        for name, value in values.items():
            setattr(self, name, value)
