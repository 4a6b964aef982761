"""The figures of a comparison: means over seeds with intervals, and tests of each pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from elmokit.downstream.comparison.metrics import Metric
from elmokit.downstream.comparison.protocol import Outcome
from elmokit.downstream.comparison.running import SystemRuns
from elmokit.downstream.comparison.significance import PairedTest, paired_tests
from elmokit.downstream.comparison.task import TEST
from elmokit.errors import MissingExtraError


@dataclass(frozen=True)
class Row:
    """One system trained on one number of examples."""

    system: str
    train_size: int
    num_seeds: int
    score: float
    """Test score, the mean over seeds."""
    low: float | None
    """Lower end of the 95% interval of the mean over seeds; None for one seed."""
    high: float | None
    dev_score: float
    train_seconds: float
    """Mean over seeds."""
    embedding_seconds: float
    peak_bytes: int | None
    """Largest over seeds."""
    num_parameters: int
    mixing_weights: dict[str, list[float]]
    """Mean over seeds."""
    settings: dict[str, object]
    """Those with the best score on the dev data."""


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison."""

    name: str
    metric: Metric
    num_test_items: int
    num_trials: int
    rows: tuple[Row, ...]
    """In the order of the systems, and the smallest number of examples first."""
    pairs: tuple[PairedTest, ...]
    """For the largest number of examples."""

    @property
    def train_sizes(self) -> list[int]:
        """The numbers of examples, the smallest first."""
        return sorted({row.train_size for row in self.rows})

    @property
    def main_rows(self) -> list[Row]:
        """The rows of the largest number of examples."""
        return [row for row in self.rows if row.train_size == self.train_sizes[-1]]


def summarize(
    name: str, metric: Metric, systems: Sequence[SystemRuns], *, num_trials: int, test: str = TEST
) -> Comparison:
    """Summarize all models of a comparison on some test data.

    Args:
        name: title.
        metric: the score.
        systems: what came out of each system.
        num_trials: number of settings tried for each.
        test: name of the test data.

    Raises:
        MissingExtraError: if SciPy is not installed and there are several seeds.
    """
    rows, counts = [], {}
    for system in systems:
        sizes = sorted({outcome.train_size for outcome in system.runs})
        for size in sizes:
            own = [outcome for outcome in system.runs if outcome.train_size == size]
            rows.append(_row(system, own, metric, test))
        counts[system.name] = np.array([outcome.counts(test) for outcome in own])  # (S, N, C)
    num_items = next(iter(counts.values())).shape[1] if counts else 0
    return Comparison(name, metric, num_items, num_trials, tuple(rows), tuple(paired_tests(counts, metric)))


def import_t_quantile() -> Callable[[int, float], float]:
    """Return SciPy's quantile function of Student's t distribution.

    Raises:
        MissingExtraError: if SciPy is not installed.
    """
    try:
        from scipy.special import stdtrit
    except ImportError:
        raise MissingExtraError("the interval over seeds", "downstream") from None
    quantile: Callable[[int, float], float] = stdtrit
    return quantile


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the t interval of a mean (Student 1908); None for a single value.

    Raises:
        MissingExtraError: if SciPy is not installed.
    """
    if len(values) < 2:
        return None
    stdtrit = import_t_quantile()
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    half = stdtrit(len(values) - 1, (1 + confidence) / 2) * deviation / np.sqrt(len(values))
    return float(mean - half), float(mean + half)


def _row(system: SystemRuns, outcomes: Sequence[Outcome], metric: Metric, test: str) -> Row:
    scores = [float(metric.score(outcome.counts(test).sum(axis=0))) for outcome in outcomes]
    low, high = mean_interval(scores) or (None, None)
    peaks = [outcome.peak_bytes for outcome in outcomes if outcome.peak_bytes is not None]
    first = outcomes[0]
    return Row(
        system=system.name,
        train_size=first.train_size,
        num_seeds=len(outcomes),
        score=float(np.mean(scores)),
        low=low,
        high=high,
        dev_score=float(np.mean([outcome.dev_score for outcome in outcomes])),
        train_seconds=float(np.mean([outcome.train_seconds for outcome in outcomes])),
        embedding_seconds=system.embedding_seconds,
        peak_bytes=max(peaks, default=None),
        num_parameters=first.num_parameters,
        mixing_weights={
            name: np.mean([outcome.mixing_weights[name] for outcome in outcomes], axis=0).tolist()
            for name in first.mixing_weights
        },
        settings=dict(first.settings),
    )
