"""How well texts are classified: scores, errors per label, calibration, and the errors that teach most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from elmokit.downstream.classification.calibration import calibration_error
from elmokit.downstream.classification.label_set import LabelSet


@dataclass(frozen=True)
class LabelScores:
    """How well one label is found."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    """Number of texts that have it."""
    predicted: int
    """Number of texts that were given it."""


@dataclass(frozen=True)
class Mistake:
    """A text that was classified wrongly."""

    row: int
    """Its index."""
    labels: tuple[str, ...]
    predicted: tuple[str, ...]
    probability: float
    """How sure the classifier was of what is wrong."""


@dataclass(frozen=True)
class ClassificationReport:
    """What an evaluation has found."""

    num_texts: int
    accuracy: float
    """Share of texts whose labels are all right."""
    macro_f1: float
    """Average F1 over the labels that occur or were predicted."""
    calibration_error: float
    """Expected calibration error of the probabilities."""
    per_label: tuple[LabelScores, ...]
    labels: tuple[str, ...]
    """The labels of the confusion matrix: those of the classifier, then those that it does not know."""
    confusion: np.ndarray | None
    """Number of texts by true label (rows) and predicted label (columns); None with several labels a text."""
    mistakes: tuple[Mistake, ...]
    """All errors, the most confident one first."""
    unseen_labels: dict[str, int]
    """Labels that the classifier does not know, and how many texts have them: these are errors."""

    def as_dict(self, num_mistakes: int = 10) -> dict[str, Any]:
        """Return the figures as JSON can hold them."""
        values = asdict(self)
        values["confusion"] = None if self.confusion is None else self.confusion.tolist()
        values["mistakes"] = [asdict(own) for own in self.mistakes[:num_mistakes]]
        return values


def report(
    label_set: LabelSet, labels: Sequence[tuple[str, ...]], probabilities: np.ndarray
) -> ClassificationReport:
    """Compare predictions with labels.

    Args:
        label_set: the labels of the classifier.
        labels: those of each text.
        probabilities: (N, K) of the classifier.
    """
    unseen = label_set.unseen(labels)
    names = (*label_set.names, *unseen)
    targets = LabelSet(names, label_set.is_multi_label).targets(labels).astype(bool)  # (N, K')
    predictions = np.zeros_like(targets)
    if label_set.is_multi_label:
        predictions[:, : probabilities.shape[1]] = probabilities >= 0.5
        confidences = np.abs(probabilities - 0.5) + 0.5
        is_right = predictions[:, : probabilities.shape[1]] == targets[:, : probabilities.shape[1]]
        doubts = np.where(is_right, 0.0, confidences).max(axis=1, initial=0.0)
        error = calibration_error(confidences.ravel(), is_right.ravel())
    else:
        best = probabilities.argmax(axis=1)
        predictions[np.arange(len(best)), best] = True
        doubts = probabilities.max(axis=1)
        error = calibration_error(doubts, (predictions == targets).all(axis=1))
    is_correct = (predictions == targets).all(axis=1)
    per_label = tuple(_scores(name, targets[:, k], predictions[:, k]) for k, name in enumerate(names))
    counted = [own.f1 for own in per_label if own.support or own.predicted]
    wrong = np.flatnonzero(~is_correct)
    wrong = wrong[np.argsort(-doubts[wrong], kind="stable")]
    return ClassificationReport(
        num_texts=len(labels),
        accuracy=float(is_correct.mean()),
        macro_f1=float(np.mean(counted)) if counted else 1.0,
        calibration_error=error,
        per_label=per_label,
        labels=names,
        confusion=None
        if label_set.is_multi_label
        else targets.astype(np.int64).T @ predictions.astype(np.int64),
        mistakes=tuple(
            Mistake(row, labels[row], _named(names, predictions[row]), float(doubts[row]))
            for row in wrong.tolist()
        ),
        unseen_labels=unseen,
    )


def _scores(label: str, target: np.ndarray, prediction: np.ndarray) -> LabelScores:
    hits, support, predicted = int((target & prediction).sum()), int(target.sum()), int(prediction.sum())
    precision = hits / predicted if predicted else 0.0
    recall = hits / support if support else 0.0
    f1 = 2 * hits / (support + predicted) if support + predicted else 0.0
    return LabelScores(label, precision, recall, f1, support, predicted)


def _named(names: Sequence[str], chosen: np.ndarray) -> tuple[str, ...]:
    return tuple(name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen)
