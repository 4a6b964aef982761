"""The numbers that a run counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_MAX = 1 << 53  # which a floating-point number can count


@dataclass
class Counters:
    """What a run has done so far."""

    step: int = 0
    """Updates."""
    best_perplexity: float = math.inf
    """Of the heldout text."""
    best_step: int = 0
    """At which it was measured, where it is finite."""
    evaluations_without_gain: int = 0
    evaluation_is_due: bool = False
    """The run was stopped before or during an evaluation."""
    non_finite_in_a_row: int = 0
    """Batches without an update because of their loss or gradient."""
    seconds: float = 0.0
    """Spent on training steps, evaluations and checkpoints not included."""

    def count_evaluation(self, perplexity: float) -> bool:
        """Count an evaluation of the heldout text, and return whether it is the best so far."""
        is_best = perplexity < self.best_perplexity
        if is_best:
            self.best_perplexity, self.best_step = perplexity, self.step
        self.evaluations_without_gain = 0 if is_best else self.evaluations_without_gain + 1
        return is_best

    def state_dict(self) -> dict[str, Any]:
        """Return the numbers for a checkpoint; JSON has no infinity."""
        best = self.best_perplexity if math.isfinite(self.best_perplexity) else None
        return {**asdict(self), "best_perplexity": best}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Continue from a checkpoint.

        Raises:
            KeyError: when a number is missing.
            TypeError: when one is of another kind.
            ValueError: when one is negative.
        """
        for name, default in asdict(Counters()).items():
            value = values[name]
            if name == "best_perplexity" and value is None:
                value = math.inf
            kinds = (int, float) if isinstance(default, float) else (type(default),)
            if type(value) not in kinds:
                raise TypeError(f"{name}: expected {kinds[-1].__name__}, got {value!r}")
            if not 0 <= value < _MAX and value != math.inf:
                raise ValueError(f"{name}: got {value!r}")
            setattr(self, name, value)
