"""What a classifier without embeddings reaches: word counts, and the most frequent label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from elmokit.downstream.comparison.metrics import Metric
from elmokit.downstream.labelled.texts import LabelledTexts
from elmokit.errors import ConfigError, MissingExtraError

_REGULARIZATIONS = (0.1, 1.0, 10.0, 100.0)

Counts = Callable[[LabelledTexts, Sequence[Sequence[str]]], np.ndarray]
Predict = Callable[[Sequence[str]], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class _Data:
    """What baselines are trained on, and how they are scored."""

    training: LabelledTexts
    dev: LabelledTexts
    tests: Mapping[str, LabelledTexts]
    counts: Counts
    metric: Metric

    is_baseline = True

    def embedding_seconds(self) -> float:
        """Return 0: there are no vectors."""
        return 0.0

    def prepare(self) -> None:
        """Nothing is shared by several models."""

    def scored(self, predict: Predict, num_parameters: int) -> _Predictor:
        """Return a trained model with its score on the dev data."""
        counts = self.counts(self.dev, predict(self.dev.texts))
        return _Predictor(self, predict, float(self.metric.score(counts.sum(axis=0))), num_parameters)


@dataclass(frozen=True)
class _Predictor:
    """A trained baseline; see :class:`Trained`."""

    data: _Data
    predict: Predict
    dev_score: float
    num_parameters: int

    @property
    def mixing_weights(self) -> Mapping[str, Sequence[float]]:
        """Nothing: there are no layers."""
        return {}

    def test_counts(self) -> Mapping[str, np.ndarray]:
        """Predict the test data; return the counts of each text."""
        return {
            name: self.data.counts(test, self.predict(test.texts)) for name, test in self.data.tests.items()
        }


@dataclass(frozen=True)
class MajorityBaseline(_Data):
    """The most frequent label for every text."""

    fingerprint = "majority"

    def train(self, settings: Mapping[str, JsonValue], rows: Sequence[int], *, seed: int) -> _Predictor:
        """Count the labels."""
        counts = Counter(self.training.labels[row] for row in rows)
        (label, _), *_ = counts.most_common(1)
        return self.scored(lambda texts: [label] * len(texts), 0)


@dataclass(frozen=True)
class TfidfBaseline(_Data):
    """Words and pairs of words weighted by tf-idf, with logistic regression.

    Raises:
        ConfigError: if texts have several labels.
        MissingExtraError: if scikit-learn is not installed.
    """

    fingerprint = "tfidf"

    def __post_init__(self) -> None:
        if self.training.is_multi_label:
            raise ConfigError("tfidf: expected one label for each text, got several: leave tfidf out")
        try:
            import sklearn  # noqa: F401  # its absence is told before others are trained
        except ImportError:
            raise MissingExtraError("the baseline tfidf", "downstream") from None

    def train(self, settings: Mapping[str, JsonValue], rows: Sequence[int], *, seed: int) -> _Predictor:
        """Choose the regularization by the dev data."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        part = self.training[list(rows)]
        vectorizer = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), sublinear_tf=True)
        features, labels = vectorizer.fit_transform(part.texts), [own[0] for own in part.labels]
        if len(set(labels)) < 2:
            return self.scored(lambda texts: [part.labels[0]] * len(texts), 0)

        def fitted(regularization: float) -> _Predictor:
            model = LogisticRegression(C=regularization, max_iter=2000).fit(features, labels)
            return self.scored(
                lambda texts: [(str(label),) for label in model.predict(vectorizer.transform(texts))],
                model.coef_.size + model.intercept_.size,
            )

        return max(map(fitted, _REGULARIZATIONS), key=lambda model: model.dev_score)


BASELINES: dict[str, type[MajorityBaseline] | type[TfidfBaseline]] = {
    "tfidf": TfidfBaseline,
    "majority": MajorityBaseline,
}
"""The baselines by name."""
