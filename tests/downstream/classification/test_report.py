"""scikit-learn is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.downstream.classification import calibration
from elmokit.downstream.classification.label_set import LabelSet
from elmokit.downstream.classification.report import report
from elmokit.downstream.classification.report_text import report_lines

metrics = pytest.importorskip("sklearn.metrics")

NAMES = ("a", "b", "c", "never")


def probabilities(rng, num_texts, multi=False):
    values = rng.random((num_texts, len(NAMES)))
    values[:, 3] *= 0.2
    return values if multi else values / values.sum(axis=1, keepdims=True)


def test_one_label():
    rng = np.random.default_rng(0)
    gold = rng.choice(["a", "b", "c", "new"], 200).tolist()
    values = probabilities(rng, 200)
    predicted = [NAMES[k] for k in values.argmax(axis=1)]
    found = report(LabelSet(NAMES, False), [(own,) for own in gold], values)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(gold, predicted))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(gold, predicted, average="macro"))
    labels = [*NAMES, "new"]
    expected = metrics.precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0)
    for number, own in enumerate(found.per_label):
        assert own.label == labels[number]
        assert (own.precision, own.recall, own.f1, own.support) == pytest.approx(
            [v[number] for v in expected]
        )
    assert np.array_equal(found.confusion, metrics.confusion_matrix(gold, predicted, labels=labels))
    assert len(found.mistakes) == sum(a != b for a, b in zip(gold, predicted, strict=True))
    confidences = [own.probability for own in found.mistakes]
    assert confidences == sorted(confidences, reverse=True)
    assert found.mistakes[0].labels != found.mistakes[0].predicted


def test_several_labels():
    rng = np.random.default_rng(1)
    targets = rng.random((150, len(NAMES))) < 0.4
    targets[:, 3] = False
    gold = [tuple(np.array(NAMES)[row].tolist()) for row in targets]
    values = probabilities(rng, 150, multi=True)
    values[:, 3] = 0.1
    found = report(LabelSet(NAMES, True), gold, values)
    predicted = values >= 0.5
    assert found.accuracy == pytest.approx(metrics.accuracy_score(targets, predicted))
    assert found.macro_f1 == pytest.approx(
        metrics.f1_score(targets[:, :3], predicted[:, :3], average="macro", zero_division=0)
    )
    assert found.confusion is None


def test_calibration_error_by_hand():
    confidences, is_right = np.array([0.95, 0.95, 0.55, 0.55, 1.0]), np.array([1, 0, 1, 0, 1])
    # Bins of a fifteenth: {.95, .95} and {1.0} share the last one, {.55, .55} have their own.
    expected = (abs(0.95 + 0.95 + 1.0 - 2) + abs(1.1 - 1)) / 5
    assert calibration.calibration_error(confidences, is_right) == pytest.approx(expected)


def test_the_best_temperature_is_where_the_loss_is_least():
    rng = np.random.default_rng(2)
    logits = rng.standard_normal((500, 3)) * 2
    shares = calibration.probabilities(logits, 2.0, is_multi_label=False)
    targets = np.array([rng.multinomial(1, own) for own in shares])
    found = calibration.best_temperature(logits, targets, is_multi_label=False)
    grid = np.linspace(0.5, 5, 451)
    smoothed = (500 * targets + 1) / 503
    losses = [calibration.loss(logits, smoothed, own, is_multi_label=False) for own in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], abs=0.02)
    assert found == pytest.approx(2, abs=0.4)
    certain = calibration.best_temperature(np.eye(2)[[0, 1]], np.eye(2), is_multi_label=False)
    assert calibration.probabilities(
        np.array([[1.0, 0.0]]), certain, is_multi_label=False
    ).max() == pytest.approx(0.75, abs=1e-6)
    oracle = metrics.log_loss(
        targets.argmax(axis=1), calibration.probabilities(logits, found, is_multi_label=False)
    )
    assert calibration.loss(logits, targets, found, is_multi_label=False) == pytest.approx(oracle)


def test_probabilities_of_extreme_logits_are_finite():
    logits = np.array([[1e4, -1e4], [0.0, 0.0]])
    for multi in (False, True):
        assert np.isfinite(calibration.probabilities(logits, 0.1, is_multi_label=multi)).all()
        assert np.isfinite(calibration.loss(logits, np.eye(2), 0.1, is_multi_label=multi))
    assert calibration.best_temperature(np.empty((0, 2)), np.empty((0, 2)), is_multi_label=False) == 1.0


def test_as_text():
    labels = [("a",), ("b",), ("b",)]
    values = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    assert list(report_lines(report(LabelSet(("a", "b"), False), labels, values))) == [
        "3 texts: accuracy 0.6667, macro F1 0.6667, calibration error 0.3333",
        "",
        "label  precision  recall      F1  texts  predicted",
        "a         0.5000  1.0000  0.6667      1          2",
        "b         1.0000  0.5000  0.6667      2          1",
        "",
        "true \\ predicted  a  b",
        "a                 1  0",
        "b                 1  1",
    ]
