"""Sequence tagging as the task of a comparison."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from elmokit.downstream.comparison.data_checks import check_parts
from elmokit.downstream.comparison.embedding_system import EmbeddingSystem
from elmokit.downstream.comparison.metrics import Metric, accuracy_counts, choose_metric
from elmokit.downstream.comparison.model_settings import model_settings
from elmokit.downstream.comparison.protocol import System, Trained
from elmokit.downstream.comparison.task import Task, test_data
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.progress import Progress, no_progress
from elmokit.downstream.tagging.files import read_tagged
from elmokit.downstream.tagging.settings import TaggerSettings
from elmokit.downstream.tagging.spans import detect_scheme, read_spans
from elmokit.downstream.tagging.tagger import SequenceTagger
from elmokit.errors import ConfigError

BASELINES = ("majority",)
"""``majority``: the most frequent tag of the word in the training data, and of all for unknown words."""


@dataclass(frozen=True)
class TaggedPart:
    """Sentences with their tags."""

    sentences: list[list[str]]
    tags: list[list[str]]


class TaggingExperiment:
    """Tags for the tokens of sentences; see :class:`Experiment`.

    Args:
        task: the task.
        device: where models are trained.
        progress: shows what is done.

    Raises:
        TextError: if a file cannot be read.
        ConfigError: if the metric does not fit, or two of the files are the same.
    """

    def __init__(self, task: Task, *, device: str = "cpu", progress: Progress = no_progress) -> None:
        self.task, self._device, self._progress = task, device, progress
        self.train, self.dev = (_read(str(path), task.label_column) for path in (task.train, task.dev))
        self.tests = {name: _read(str(path), task.label_column) for name, path in test_data(task).items()}
        check_parts(
            list(map(tuple, self.train.sentences)),
            list(map(tuple, self.dev.sentences)),
            {name: list(map(tuple, test.sentences)) for name, test in self.tests.items()},
        )
        self.has_spans = detect_scheme(tag for tags in self.train.tags for tag in tags) is not None
        self.metric: Metric = choose_metric(task.metric or ("f1" if self.has_spans else "accuracy"))
        if self.metric.name == "macro-f1":
            raise ConfigError("metric: macro-f1 is for classification: expected accuracy, f1 or f0.5")
        if self.metric.name != "accuracy" and not (self.has_spans or task.positive_label):
            raise ConfigError(
                f"metric: {self.metric.name} is for spans (BIO, BIOES) or one tag: set positive_label, or "
                "metric to accuracy"
            )

    @property
    def fingerprint(self) -> str:
        """Digest of the data and of what is counted."""
        parts = [[part.sentences, part.tags] for part in self._parts]
        text = json.dumps(["tag", self.metric.name, self.task.positive_label, parts])
        return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()

    @property
    def strata(self) -> Sequence[str]:
        """Nothing: sentences are sampled at random."""
        return [""] * len(self.train.sentences)

    def check_settings(self, settings: Mapping[str, JsonValue]) -> None:
        """Check the settings of a tagger."""
        model_settings(TaggerSettings, settings, seed=1)

    def system(self, name: str) -> System:
        """Load an embedding, or return the baseline ``majority``."""
        if name in BASELINES:
            return MajorityTagger(self)
        parts = [part.sentences for part in self._parts]
        return EmbeddingSystem(
            name,
            self.task,
            parts,
            self._learn,
            device=self._device,
            keeps_vectors=not self.task.model.get("fine_tune", False),
            progress=self._progress,
        )

    def counts(self, part: TaggedPart, predicted: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the counts (N, C) of the sentences for the metric."""
        pairs = list(zip(part.tags, predicted, strict=True))
        if self.metric.name == "accuracy":
            right = [sum(map(str.__eq__, true, own)) for true, own in pairs]
            return accuracy_counts(right, [len(true) for true, _ in pairs])
        counts = np.zeros((len(pairs), 3), dtype=np.int64)
        for row, (true, own) in enumerate(pairs):
            true_spans, own_spans = self._counted(true), self._counted(own)
            counts[row] = len(true_spans & own_spans), len(own_spans), len(true_spans)
        return counts

    def _counted(self, tags: Sequence[str]) -> set[tuple[object, ...]]:
        """Return the spans of a sentence, or the places of the positive tag."""
        positive = self.task.positive_label
        if self.has_spans:
            return {tuple(span) for span in read_spans(tags) if positive in (None, span.type)}
        return {(place,) for place, tag in enumerate(tags) if tag == positive}

    @property
    def _parts(self) -> Sequence[TaggedPart]:
        return [self.train, self.dev, *self.tests.values()]

    def _learn(
        self,
        embeddings: Sequence[TokenEmbedding],
        settings: Mapping[str, JsonValue],
        rows: Sequence[int],
        seed: int,
    ) -> Trained:
        tagger = SequenceTagger.train(
            [self.train.sentences[row] for row in rows],
            [self.train.tags[row] for row in rows],
            self.dev.sentences,
            self.dev.tags,
            embedding=embeddings,
            settings=model_settings(TaggerSettings, settings, seed=seed),
            device=self._device,
        )
        return TrainedTagger(self, tagger)


class TrainedTagger:
    """A trained tagger; see :class:`Trained`."""

    def __init__(self, experiment: TaggingExperiment, tagger: SequenceTagger) -> None:
        self._experiment, self._tagger = experiment, tagger

    @property
    def dev_score(self) -> float:
        """Score on the dev data."""
        return self._score(self._experiment.dev)

    @property
    def num_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(own.numel() for own in self._tagger.network.parameters() if own.requires_grad)

    @property
    def mixing_weights(self) -> dict[str, list[float]]:
        """The weights of the layers of each biLM, at the input and at the output."""
        return {
            embedding.name if place == "input" else f"{embedding.name} ({place})": weights
            for place, by_embedding in self._tagger.mixing_weights().items()
            for embedding, weights in zip(self._embeddings_at(place), by_embedding, strict=True)
            if weights is not None
        }

    def test_counts(self) -> dict[str, np.ndarray]:
        """Predict the test data; return the counts of each sentence."""
        return {name: self._counts(test) for name, test in self._experiment.tests.items()}

    def _embeddings_at(self, place: str) -> Sequence[TokenEmbedding]:
        own = self._tagger.embeddings
        return own if place == "input" else [embedding for embedding in own if embedding.is_contextual]

    def _counts(self, part: TaggedPart) -> np.ndarray:
        return self._experiment.counts(part, self._tagger.predict(part.sentences))

    def _score(self, part: TaggedPart) -> float:
        return float(self._experiment.metric.score(self._counts(part).sum(axis=0)))


class MajorityTagger:
    """The most frequent tag of each word; a :class:`System` and a :class:`Trained` model alike."""

    is_baseline = True
    fingerprint = "majority"
    num_parameters = 0
    mixing_weights: Mapping[str, Sequence[float]] = {}

    def __init__(self, experiment: TaggingExperiment, tag_of: Mapping[str, str] | None = None) -> None:
        self._experiment, self._tag_of = experiment, tag_of or {}

    def embedding_seconds(self) -> float:
        """Return 0: there are no vectors."""
        return 0.0

    def prepare(self) -> None:
        """Nothing is shared by several models."""

    def train(self, settings: Mapping[str, JsonValue], rows: Sequence[int], *, seed: int) -> Trained:
        """Count the tags of each word."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            part = self._experiment.train
            for word, tag in zip(part.sentences[row], part.tags[row], strict=True):
                counts[word][tag] += 1
                counts[""][tag] += 1  # no token is empty: the tag of unknown words
        return MajorityTagger(
            self._experiment, {word: own.most_common(1)[0][0] for word, own in counts.items()}
        )

    @property
    def dev_score(self) -> float:
        """Score on the dev data."""
        return float(self._experiment.metric.score(self._counts(self._experiment.dev).sum(axis=0)))

    def test_counts(self) -> dict[str, np.ndarray]:
        """Predict the test data; return the counts of each sentence."""
        return {name: self._counts(test) for name, test in self._experiment.tests.items()}

    def _counts(self, part: TaggedPart) -> np.ndarray:
        other = self._tag_of[""]
        predicted = [[self._tag_of.get(word, other) for word in own] for own in part.sentences]
        return self._experiment.counts(part, predicted)


def _read(path: str, column: str | None) -> TaggedPart:
    sentences = read_tagged(path, column=column)
    return TaggedPart([own.tokens for own in sentences], [own.tags or [] for own in sentences])
