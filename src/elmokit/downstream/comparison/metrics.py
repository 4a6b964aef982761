"""Scores as functions of counts that add up over test items.

Accuracy and F scores of a whole test set follow from sums over its items. A test of significance that swaps
or resamples items therefore needs only the counts of each item, whatever the score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from elmokit.errors import ConfigError


class Metric(NamedTuple):
    """A score of a test set."""

    name: str
    description: str
    score: Callable[[np.ndarray], np.ndarray]
    """Maps counts (…, C), summed over items, to scores (…)."""


def f_beta(counts: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """Return the F score (van Rijsbergen 1979), which is 0 where nothing is true and nothing is predicted.

    Args:
        counts: (…, 3): how many are true and predicted, how many are predicted, how many are true.
        beta: how many times as important as precision recall is.
    """
    hits, predicted, true = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    denominator = beta**2 * true + predicted
    return _ratio((1 + beta**2) * hits, denominator)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, and 0 for 0 / 0."""
    return np.asarray(part / np.where(whole > 0, whole, 1))


def _accuracy(counts: np.ndarray) -> np.ndarray:
    correct, total = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    return _ratio(correct, total)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    """Average the F1 of the labels that are true or predicted somewhere."""
    by_label = np.asarray(counts, dtype=np.float64).reshape(*counts.shape[:-1], -1, 3)
    occurs = by_label[..., 1:].sum(axis=-1) > 0
    total = (f_beta(by_label) * occurs).sum(axis=-1)
    return _ratio(total, occurs.sum(axis=-1))


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "share of correct labels", _accuracy),
        Metric("macro-f1", "F1 of each label, averaged over the labels", _macro_f1),
        Metric("f1", "F1 over all labels or spans", f_beta),
        Metric("f0.5", "F score in which precision counts twice as much as recall", lambda c: f_beta(c, 0.5)),
    )
}
"""The scores, by name."""


def choose_metric(name: str) -> Metric:
    """Return the metric with a name.

    Raises:
        ConfigError: if there is none.
    """
    if name not in METRICS:
        raise ConfigError(f"metric: expected one of {', '.join(METRICS)}, got {name!r}")
    return METRICS[name]


def accuracy_counts(correct: Sequence[int], total: Sequence[int]) -> np.ndarray:
    """Return the counts (N, 2) of accuracy from the numbers of correct labels and of labels of each item."""
    return np.stack([correct, total], axis=-1).astype(np.int64)


def label_counts(
    true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Sequence[str], *, macro: bool
) -> np.ndarray:
    """Count the labels of each item for an F score.

    Args:
        true: the true labels of each of N items.
        predicted: the predicted labels of each item, as many as are predicted.
        labels: K distinct labels; others are not counted.
        macro: whether to count each label for itself, for ``macro-f1``.

    Returns:
        (N, 3K) with ``macro``, else (N, 3): hits, predicted, true.
    """
    column = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(true), len(labels), 3), dtype=np.int64)
    for row, (own_true, own_predicted) in enumerate(zip(true, predicted, strict=True)):
        for label in set(own_true) & set(own_predicted) & column.keys():
            counts[row, column[label], 0] += 1
        for place, own in ((1, own_predicted), (2, own_true)):
            for label in set(own) & column.keys():
                counts[row, column[label], place] += 1
    return counts.reshape(len(true), -1) if macro else counts.sum(axis=1)
