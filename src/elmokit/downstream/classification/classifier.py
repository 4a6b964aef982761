"""The text classifier: train it, classify texts, evaluate it, save and load it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch

from elmokit.arguments import checked, described, instance_of
from elmokit.data.find import Patterns
from elmokit.data.sentences import tokenized
from elmokit.downstream.classification.checks import warn_of_labels, warn_of_overlap
from elmokit.downstream.classification.fitted import Fitted, Texts, fit_texts, labelled_part
from elmokit.downstream.classification.label_set import Labels
from elmokit.downstream.classification.report import ClassificationReport, report
from elmokit.downstream.classification.seen_texts import rows_seen
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.classification.storage import read_classifier, write_classifier
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.fitting import Epoch
from elmokit.downstream.progress import Progress, no_progress
from elmokit.errors import ConfigError, ElmokitError
from elmokit.files.home import expanded
from elmokit.model.device import find_device

_TEXTS_AT_A_TIME = 1024


class Prediction(NamedTuple):
    """What a classifier says of a text."""

    labels: tuple[str, ...]
    """The most probable label; with several labels a text, all whose probability is at least 0.5."""
    probability: float
    """Of the label; with several labels a text, of the least certain decision for or against one."""
    probabilities: dict[str, float]
    """Of every label."""


class TextClassifier:
    """Gives texts one label or several, reading them through ELMo or word vectors.

    ELMo's vectors are computed once and kept on disk; only the mixture of its layers and the classifier are
    trained, unless ``settings.fine_tune`` is set. Example::

        classifier = elmokit.TextClassifier("elmo:tiny-en")
        classifier.fit(["a good film", "a bad film", ...], ["pos", "neg", ...])
        classifier.predict(["a good film"])  # ['pos']

    Args:
        embedding: ``elmo:MODEL``, ``word2vec``, ``word2vec:FILE``, ``fasttext``, ``fasttext:FILE``,
            ``fasttext-official``, ``fasttext-official:FILE`` or ``random``, or several of them joined with
            ``+``; or the embeddings themselves.
        settings: see :class:`ClassifierSettings`.
        embedding_text: paths of tokenized text to train word2vec and fastText on.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: shows what is done; by default nothing does.

    Raises:
        ConfigError: if the embedding cannot be understood.
        ElmokitError: if a model, file or text cannot be read.
    """

    @checked
    def __init__(
        self,
        embedding: str | Sequence[TokenEmbedding],
        *,
        settings: ClassifierSettings | None = None,
        embedding_text: Patterns = (),
        device: str | torch.device = "cpu",
        progress: Progress = no_progress,
    ) -> None:
        self.settings = (
            ClassifierSettings()
            if settings is None
            else instance_of("settings", settings, ClassifierSettings)
        )
        self.device = find_device(device)
        self.progress = progress
        self.embeddings: tuple[TokenEmbedding, ...] = (
            embeddings_of(
                embedding,
                device=str(self.device),
                text=embedding_text,
                vectors=self.settings.vectors,
                progress=progress,
            )
            if isinstance(embedding, str)
            else tuple(embedding)
        )
        if not self.embeddings:
            raise ConfigError("embedding: expected at least one")
        if self.settings.fine_tune and not any(own.is_contextual for own in self.embeddings):
            raise ConfigError(
                "fine_tune: there is no biLM to train: expected elmo:MODEL among the embeddings"
            )
        self._fitted: Fitted | None = None

    def __repr__(self) -> str:
        names = "+".join(own.name for own in self.embeddings)
        labels = "not trained" if self._fitted is None else f"labels={self.labels}"
        return f"TextClassifier({names!r}, encoder={self.settings.encoder!r}, {labels})"

    @property
    def fitted(self) -> Fitted:
        """What it has learned.

        Raises:
            ElmokitError: if it is not trained yet.
        """
        if self._fitted is None:
            raise ElmokitError("the classifier is not trained yet: call fit(), or load a saved one")
        return self._fitted

    @property
    def labels(self) -> list[str]:
        """The labels that it knows, sorted: the columns of :meth:`predict_proba`."""
        return list(self.fitted.label_set.names)

    @property
    def is_multi_label(self) -> bool:
        """Whether a text has any number of labels rather than exactly one."""
        return self.fitted.label_set.is_multi_label

    @property
    def training(self) -> dict[str, Any]:
        """What is known of its training: numbers of texts and epochs, scores on the dev texts."""
        return self.fitted.training

    @checked
    def fit(
        self,
        texts: Texts,
        labels: Labels,
        dev: tuple[Texts, Labels] | None = None,
        *,
        on_epoch: Callable[[Epoch], object] = lambda epoch: None,
    ) -> Self:
        """Train the classifier, and calibrate its probabilities on the dev texts.

        Args:
            texts: the texts to train with.
            labels: a label for each text, or a list of labels for each.
            dev: texts and labels that decide when training stops; by default a share of the texts is split
                off for this. Never pass the test texts.
            on_epoch: called after each epoch.

        Raises:
            ElmokitError: if there are not as many labels as texts, or fewer than two different ones, or too
                few texts to split some off.

        Warns:
            OverlappingTextsWarning: if dev texts are among the training texts.
            UnseenLabelsWarning: if dev texts have labels that no training text has.
        """
        self._fitted = fit_texts(
            self.embeddings,
            self.settings,
            _listed(texts),
            _labels(labels),
            None if dev is None else _dev(dev),
            device=self.device,
            progress=self.progress,
            on_epoch=on_epoch,
        )
        return self

    def predict(self, texts: Texts) -> list[Any]:
        """Return the label of each text, or its list of labels if it may have several."""
        found = self.iter_predict(_listed(texts))
        if self.is_multi_label:
            return [list(prediction.labels) for prediction in found]
        return [prediction.labels[0] for prediction in found]

    def predict_proba(self, texts: Texts) -> np.ndarray:
        """Return the calibrated probabilities (N, K) of the labels, in the order of :attr:`labels`."""
        texts = _listed(texts)
        parts = [
            self.fitted.probabilities(texts[start : start + _TEXTS_AT_A_TIME])
            for start in range(0, len(texts), _TEXTS_AT_A_TIME)
        ]
        return np.concatenate([np.empty((0, len(self.labels))), *parts])

    def iter_predict(self, texts: Iterable[str | Sequence[str]]) -> Iterator[Prediction]:
        """Classify any number of texts in bounded memory, yielding one prediction at a time."""
        if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable):
            raise ConfigError(f"texts: expected texts, got {described(texts)}")
        names, remaining = self.labels, iter(texts)
        while some := list(itertools.islice(remaining, _TEXTS_AT_A_TIME)):
            for own in self.fitted.probabilities(some):
                if self.is_multi_label:
                    chosen = tuple(name for name, value in zip(names, own, strict=True) if value >= 0.5)
                    probability = 0.5 + float(np.abs(own - 0.5).min())
                else:
                    chosen, probability = (names[int(own.argmax())],), float(own.max())
                yield Prediction(chosen, probability, dict(zip(names, own.tolist(), strict=True)))

    @checked
    def evaluate(
        self, texts: Texts, labels: Labels, on_texts: Callable[[int], object] = lambda number: None
    ) -> ClassificationReport:
        """Compare predictions with labels.

        Args:
            texts: the texts.
            labels: a label for each text, or a list of labels for each.
            on_texts: called with the number of texts that have just been classified.

        Raises:
            ElmokitError: if there are no texts, not as many labels, or none of them is known.

        Warns:
            OverlappingTextsWarning: if the classifier was trained with some of the texts.
            UnseenLabelsWarning: if texts have labels that it does not know; these are errors.
        """
        label_set = self.fitted.label_set
        texts, labels = _listed(texts), _labels(labels)
        part = labelled_part(texts, labels, label_set, self.settings, "evaluated")
        if unseen := label_set.unseen(part.labels):
            if not label_set.targets(part.labels).any():
                raise ElmokitError(
                    f"the texts have other labels ({', '.join(unseen)}) than the classifier was trained for "
                    f"({', '.join(label_set.names)})"
                )
            warn_of_labels(unseen, "evaluated")
        if rows := rows_seen(self.fitted.seen, part.pieces):
            warn_of_overlap(
                rows, len(part), "evaluated", "scores on them are too good", among="training and dev"
            )
        found = []
        for start in range(0, len(texts), _TEXTS_AT_A_TIME):
            some = texts[start : start + _TEXTS_AT_A_TIME]
            found.append(self.fitted.probabilities(some))
            on_texts(len(some))
        return report(label_set, part.labels, np.concatenate(found))

    def mixing_weights(self) -> dict[str, list[float]]:
        """Return the learned weights of the layers of each biLM, which sum to 1."""
        weights = self.fitted.network.inputs.mixing_weights()
        return {
            embedding.name: own
            for embedding, own in zip(self.embeddings, weights, strict=True)
            if own is not None
        }

    @checked
    def save(self, directory: str | Path) -> None:
        """Write the classifier as a directory, completely or not at all; an earlier one is replaced.

        Models and files of word vectors that were named are not part of it.

        Raises:
            OutputError: if it cannot be written, or something else is there.
        """
        write_classifier(expanded(directory), self.fitted)

    @classmethod
    @checked
    def load(
        cls,
        directory: str | Path,
        embedding: str | None = None,
        *,
        device: str | torch.device = "cpu",
        progress: Progress = no_progress,
    ) -> Self:
        """Load a classifier that :meth:`save` has written.

        Args:
            directory: where it is.
            embedding: where the embeddings are now; by default where they were.
            device: where to run.
            progress: shows what is done.

        Raises:
            ModelFileError: if it is missing or damaged, or an embedding is missing or another one.
        """
        fitted = read_classifier(
            expanded(directory), embedding, device=find_device(device), progress=progress
        )
        found = cls(fitted.embeddings, settings=fitted.settings, device=device, progress=progress)
        found._fitted = fitted
        return found


def _listed(texts: Texts) -> list[str | Sequence[str]]:
    """Return texts as a list, whatever holds them: the index of a column of a table need not start at 0.

    Raises:
        ElmokitError: if it is a single string or a whole table.
    """
    tokenized(texts, "texts")
    return list(texts)


def _labels(labels: Labels, name: str = "labels") -> list[Any]:
    if isinstance(labels, str | bytes | Mapping) or not isinstance(labels, Iterable):
        raise ConfigError(f"{name}: expected a label for each text, got {described(labels)}")
    try:
        return list(labels)
    except TypeError:  # of a tensor with one number
        raise ConfigError(f"{name}: expected a label for each text, got {described(labels)}") from None


def _dev(dev: tuple[Texts, Labels]) -> tuple[Texts, Labels]:
    if not isinstance(dev, tuple | list) or len(dev) != 2:
        raise ConfigError(f"dev: expected two, the texts and their labels, got {described(dev)}")
    return _listed(dev[0]), _labels(dev[1], "dev: labels")
