"""Scores from counts are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, fbeta_score

from elmokit.downstream.comparison.metrics import METRICS, accuracy_counts, choose_metric, label_counts
from elmokit.errors import ConfigError

LABELS = ["a", "b", "c", "d"]


@pytest.fixture
def labels() -> tuple[list[str], list[str]]:
    """True and predicted labels; `d` never occurs."""
    generator = np.random.default_rng(0)
    true = generator.choice(LABELS[:3], 60, p=[0.7, 0.2, 0.1])
    return list(true), list(np.where(generator.random(60) < 0.6, true, generator.choice(LABELS[:3], 60)))


def test_accuracy(labels):
    true, predicted = labels
    counts = accuracy_counts(
        [int(one == other) for one, other in zip(true, predicted, strict=True)], [1] * 60
    )
    assert METRICS["accuracy"].score(counts.sum(axis=0)) == pytest.approx(accuracy_score(true, predicted))


def test_macro_f1_leaves_out_labels_that_never_occur(labels):
    true, predicted = labels
    counts = label_counts([[t] for t in true], [[p] for p in predicted], LABELS, macro=True)
    expected = f1_score(true, predicted, average="macro")
    assert METRICS["macro-f1"].score(counts.sum(axis=0)) == pytest.approx(expected)


def test_f1_of_several_labels_per_item():
    generator = np.random.default_rng(1)
    true, predicted = generator.integers(0, 2, (2, 50, 4))
    as_lists = [
        [[LABELS[k] for k in np.flatnonzero(row)] for row in indicators] for indicators in (true, predicted)
    ]
    counts = label_counts(*as_lists, LABELS, macro=False)
    assert METRICS["f1"].score(counts.sum(axis=0)) == pytest.approx(
        f1_score(true, predicted, average="micro")
    )
    by_label = label_counts(*as_lists, LABELS, macro=True)
    expected = f1_score(true, predicted, average="macro")
    assert METRICS["macro-f1"].score(by_label.sum(axis=0)) == pytest.approx(expected)


def test_f_half_counts_precision_twice(labels):
    true, predicted = labels
    positive = (
        [[label for label in own if label == "b"] for own in (map(list, true))],
        [[label for label in own if label == "b"] for own in (map(list, predicted))],
    )
    counts = label_counts(*positive, ["b"], macro=False)
    expected = fbeta_score(np.array(true) == "b", np.array(predicted) == "b", beta=0.5)
    assert METRICS["f0.5"].score(counts.sum(axis=0)) == pytest.approx(expected)


@pytest.mark.parametrize("name", METRICS)
def test_nothing_scores_zero(name):
    assert METRICS[name].score(np.zeros((2, 2 if name == "accuracy" else 3))).tolist() == [0, 0]


def test_an_unknown_metric_is_refused():
    with pytest.raises(
        ConfigError, match=r"metric: expected one of accuracy, macro-f1, f1, f0\.5, got 'auc'"
    ):
        choose_metric("auc")
