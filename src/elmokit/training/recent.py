"""Figures over the training batches since the last record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from elmokit.data.vocabulary import EOS_ID, UNK_ID
from elmokit.model.perplexity import perplexity
from elmokit.training.gradient_exchange import Traffic

_NO_TRAFFIC = Traffic()


class WordCounts(NamedTuple):
    """How many targets are words, and how many of these are not in the vocabulary."""

    num_words: int
    """Sentence ends not included."""
    num_unknown: int

    @classmethod
    def of(cls, targets: np.ndarray) -> WordCounts:
        """Count the words among vocabulary ids."""
        return cls(int((targets != EOS_ID).sum()), int((targets == UNK_ID).sum()))


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
    communication_seconds: float = 0.0
    """Of them, spent on waiting for the gradients of other processes."""
    num_bytes: int = 0
    """That this process has sent for them."""
    last_loss: float | None = None
    """Mean loss of the last record."""

    def add(self, loss: float, words: WordCounts, seconds: float, traffic: Traffic = _NO_TRAFFIC) -> None:
        """Count a batch.

        Args:
            loss: of the batch.
            words: among the forward direction's targets.
            seconds: that its step took.
            traffic: of its gradients between processes.
        """
        self.losses.append(loss)
        self.num_words += words.num_words
        self.num_unknown += words.num_unknown
        self.seconds += seconds
        self.communication_seconds += traffic.seconds
        self.num_bytes += traffic.num_bytes

    def record(self, predictions_per_step: int) -> dict[str, float]:
        """Return the figures that are written down; those of communication where there was any."""
        loss = self.mean_loss()
        communication = {
            "communication_share": self.communication_seconds / max(self.seconds, 1e-9),
            "communication_bytes_per_step": self.num_bytes / max(1, len(self.losses)),
        }
        return {
            "loss": loss,
            "perplexity": perplexity(loss),
            "tokens_per_second": len(self.losses) * predictions_per_step / max(self.seconds, 1e-9),
            "unk_share": self.num_unknown / max(1, self.num_words),
            **(communication if self.num_bytes else {}),
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
