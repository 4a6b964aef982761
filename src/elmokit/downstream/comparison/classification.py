"""Text classification as the task of a comparison."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from elmokit.downstream.classification.classifier import TextClassifier
from elmokit.downstream.classification.pieces import cut_into_pieces
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.comparison.classification_baselines import BASELINES
from elmokit.downstream.comparison.data_checks import check_parts
from elmokit.downstream.comparison.embedding_system import EmbeddingSystem
from elmokit.downstream.comparison.metrics import Metric, accuracy_counts, choose_metric, label_counts
from elmokit.downstream.comparison.model_settings import model_settings
from elmokit.downstream.comparison.protocol import System, Trained
from elmokit.downstream.comparison.task import Task, test_data
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.labelled.keras_arrays import Part
from elmokit.downstream.labelled.read import read_labelled
from elmokit.downstream.labelled.texts import LabelledTexts
from elmokit.downstream.progress import Progress, no_progress
from elmokit.errors import ConfigError, OverlappingTextsWarning, UnseenLabelsWarning


class ClassificationExperiment:
    """Labels for texts; see :class:`Experiment`.

    Args:
        task: the task.
        device: where models are trained.
        progress: shows what is done.

    Raises:
        TextError: if a file cannot be read.
        ConfigError: if the vectors are set in the wrong table.
    """

    def __init__(self, task: Task, *, device: str = "cpu", progress: Progress = no_progress) -> None:
        self.task, self._device, self._progress = task, device, progress
        if "vectors" in task.model:
            raise ConfigError("model.vectors: expected in the table vectors, which all systems share")
        self.train, self.dev = (self._read(path, "train") for path in (task.train, task.dev))
        self.tests = {name: self._read(path, "test") for name, path in test_data(task).items()}
        check_parts(self.train.texts, self.dev.texts, {name: test.texts for name, test in self.tests.items()})
        parts = (self.train, *self.tests.values())
        self.labels = sorted({label for part in parts for label in part.counts()})
        self.metric: Metric = choose_metric(
            task.metric or ("f1" if self.train.is_multi_label else "accuracy")
        )
        if task.positive_label is not None and task.positive_label not in self.labels:
            raise ConfigError(
                f"positive_label: expected one of {', '.join(self.labels)}, got {task.positive_label!r}"
            )

    @property
    def fingerprint(self) -> str:
        """Digest of the data and of what is counted."""
        parts = [[list(part.texts), list(part.labels)] for part in self._parts]
        text = json.dumps(["classify", self.metric.name, self.task.positive_label, parts])
        return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()

    @property
    def strata(self) -> Sequence[str]:
        """The label of each training text; several of one text are one stratum."""
        return ["\t".join(sorted(labels)) for labels in self.train.labels]

    def check_settings(self, settings: Mapping[str, JsonValue]) -> None:
        """Check the settings of a classifier."""
        model_settings(ClassifierSettings, settings, seed=1)

    def system(self, name: str) -> System:
        """Load an embedding, or return the baseline ``tfidf`` or ``majority``."""
        if name in BASELINES:
            return BASELINES[name](self.train, self.dev, self.tests, self.counts, self.metric)
        settings = model_settings(ClassifierSettings, self.task.model, seed=1)
        parts = [
            cut_into_pieces(part.texts, settings.max_tokens, settings.tokenize).sentences
            for part in self._parts
        ]
        return EmbeddingSystem(
            name,
            self.task,
            parts,
            self._learn,
            device=self._device,
            keeps_vectors=not settings.fine_tune,
            progress=self._progress,
        )

    def counts(self, part: LabelledTexts, predicted: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the counts (N, C) of the texts for the metric."""
        if self.metric.name == "accuracy":
            pairs = zip(part.labels, predicted, strict=True)
            return accuracy_counts([int(set(true) == set(own)) for true, own in pairs], [1] * len(part))
        positive = self.task.positive_label
        labels = self.labels if positive is None else [positive]
        return label_counts(part.labels, predicted, labels, macro=self.metric.name == "macro-f1")

    @property
    def _parts(self) -> Sequence[LabelledTexts]:
        return [self.train, self.dev, *self.tests.values()]

    def _read(self, path: Path, part: Part) -> LabelledTexts:
        return read_labelled(
            str(path),
            text_column=self.task.text_column,
            label_column=self.task.label_column,
            label_delimiter=self.task.label_delimiter,
            part=part,
        )

    def _learn(
        self,
        embeddings: Sequence[TokenEmbedding],
        settings: Mapping[str, JsonValue],
        rows: Sequence[int],
        seed: int,
    ) -> Trained:
        classifier = TextClassifier(
            embeddings,
            settings=model_settings(ClassifierSettings, settings, seed=seed),
            device=self._device,
        )
        part = self.train[list(rows)]
        labels, dev_labels = (_as_given(data) for data in (part, self.dev))
        with warnings.catch_warnings():  # not again for each model, nor for labels that a small sample lacks
            warnings.simplefilter("ignore", OverlappingTextsWarning)
            warnings.simplefilter("ignore", UnseenLabelsWarning)
            classifier.fit(part.texts, labels, (self.dev.texts, dev_labels))
        return TrainedClassifier(self, classifier)


class TrainedClassifier:
    """A trained classifier; see :class:`Trained`."""

    def __init__(self, experiment: ClassificationExperiment, classifier: TextClassifier) -> None:
        self._experiment, self._classifier = experiment, classifier

    @property
    def dev_score(self) -> float:
        """Score on the dev data."""
        return float(self._experiment.metric.score(self._counts(self._experiment.dev).sum(axis=0)))

    @property
    def num_parameters(self) -> int:
        """Number of trained parameters."""
        network = self._classifier.fitted.network
        return sum(own.numel() for own in network.parameters() if own.requires_grad)

    @property
    def mixing_weights(self) -> dict[str, list[float]]:
        """The weights of the layers of each biLM."""
        return self._classifier.mixing_weights()

    def test_counts(self) -> dict[str, np.ndarray]:
        """Predict the test data; return the counts of each text."""
        return {name: self._counts(test) for name, test in self._experiment.tests.items()}

    def _counts(self, part: LabelledTexts) -> np.ndarray:
        predicted = [own.labels for own in self._classifier.iter_predict(part.texts)]
        return self._experiment.counts(part, predicted)


def _as_given(part: LabelledTexts) -> Sequence[str] | Sequence[tuple[str, ...]]:
    """Return the label of each text, or its labels if it may have several."""
    return part.labels if part.is_multi_label else [own[0] for own in part.labels]
