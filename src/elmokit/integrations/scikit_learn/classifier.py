"""The text classifier as an estimator."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from elmokit.arguments import described
from elmokit.downstream.classification.classifier import TextClassifier
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.fit_settings import FitSettings
from elmokit.errors import ConfigError, MissingExtraError

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import Tags
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d
except ImportError:
    raise MissingExtraError("elmokit.integrations.scikit_learn", "scikit-learn") from None


class ElmoTextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """:class:`elmokit.TextClassifier` as an estimator: texts in, one label each out.

    A pickle holds what was learned, with the names and fingerprints of the embeddings: biLMs and files of
    word vectors are read again where it is used, and others are refused.

    Args:
        embedding: ``elmo:MODEL``, ``word2vec:FILE``, ``fasttext:FILE``, ``random``, or several of them joined
            with ``+``; see :class:`elmokit.TextClassifier`.
        encoder: ``pooled``, the mean and maximum over the words, or ``bilstm`` with attention.
        hidden_dim: width of the hidden layer, or of each direction of the LSTM.
        dropout: dropout of word vectors and of the hidden layer.
        learning_rate: learning rate of Adam.
        batch_size: texts per step.
        max_epochs: largest number of passes over the texts.
        patience: epochs without a better dev score after which training stops.
        dev_share: share of the texts that is split off for this.
        balanced: give every label the same weight, however rare.
        fine_tune: train the biLM too, not only the mixture of its layers.
        tokenize: ``whitespace``, or ``punctuation`` to split marks from words.
        embedding_text: paths of tokenized text to train ``word2vec`` or ``fasttext`` on.
        random_state: the seed, a number.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    def __init__(
        self,
        embedding: str = "elmo:tiny-en",
        *,
        encoder: Literal["pooled", "bilstm"] = "pooled",
        hidden_dim: int = 128,
        dropout: float = 0.3,
        learning_rate: float = 1e-3,
        batch_size: int = 32,
        max_epochs: int = 30,
        patience: int = 5,
        dev_share: float = 0.1,
        balanced: bool = False,
        fine_tune: bool = False,
        tokenize: Literal["whitespace", "punctuation"] = "whitespace",
        embedding_text: str | Sequence[str] = (),
        random_state: int = 1,
        device: str = "cpu",
    ) -> None:
        self.embedding = embedding
        self.encoder = encoder
        self.hidden_dim = hidden_dim
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.dev_share = dev_share
        self.balanced = balanced
        self.fine_tune = fine_tune
        self.tokenize = tokenize
        self.embedding_text = embedding_text
        self.random_state = random_state
        self.device = device

    def fit(self, X: Sequence[str | Sequence[str]], y: Sequence[Any]) -> Self:
        """Train on texts and a label for each.

        Raises:
            ConfigError: if a setting is impossible, or there are too few texts or labels.
            ElmokitError: if an embedding cannot be read, or a text is not one.
        """
        if isinstance(X, str | bytes | Mapping) or not isinstance(X, Iterable):
            raise ConfigError(f"X: expected texts, got {described(X)}")
        texts = list(X)
        try:
            labels = column_or_1d(y, warn=True)
        except (TypeError, RuntimeError) as error:  # of PyTorch
            raise ConfigError(f"y: expected a label for each text, got {described(y)}: {error}") from None
        check_consistent_length(texts, labels)
        check_classification_targets(labels)
        # Numbers as names, in the order of the labels, which may be of any type.
        classes, indexes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ConfigError(f"y: expected at least two classes, got {len(classes)} class: {classes[:1]}")
        classifier = TextClassifier(
            self.embedding, settings=self._settings(), embedding_text=self.embedding_text, device=self.device
        )
        classifier.fit(texts, [_name(index) for index in indexes])
        self.classes_ = classes
        self.classifier_ = classifier
        return self

    def predict_proba(self, X: Sequence[str | Sequence[str]]) -> np.ndarray:
        """Return the calibrated probabilities (N, K) of the labels, in the order of ``classes_``."""
        check_is_fitted(self, "classes_")
        return self._classifier().predict_proba(list(X))

    def predict(self, X: Sequence[str | Sequence[str]]) -> np.ndarray:
        """Return the most probable label of each text."""
        probabilities = self.predict_proba(X)
        labels: np.ndarray = self.classes_[probabilities.argmax(axis=1)]
        return labels

    @property
    def mixing_weights_(self) -> dict[str, list[float]]:
        """The learned weights of the layers of each biLM, which sum to 1."""
        check_is_fitted(self, "classes_")
        return self._classifier().mixing_weights()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: of the classifier, the files that it is saved as."""
        state: dict[str, Any] = dict(super().__getstate__())
        if (classifier := state.pop("classifier_", None)) is not None:
            with tempfile.TemporaryDirectory(prefix="elmokit-") as directory:
                path = Path(directory) / "classifier"
                classifier.save(path)
                state["_saved"] = {file.name: file.read_bytes() for file in sorted(path.iterdir())}
        return state

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _classifier(self) -> TextClassifier:
        """Return the trained classifier, loaded where it comes from a pickle."""
        if not hasattr(self, "classifier_"):
            with tempfile.TemporaryDirectory(prefix="elmokit-") as directory:
                for name, content in self._saved.items():
                    (Path(directory) / name).write_bytes(content)
                self.classifier_ = TextClassifier.load(directory, device=self.device)
        return self.classifier_

    def _settings(self) -> ClassifierSettings:
        return ClassifierSettings(
            encoder=self.encoder,
            hidden_dim=self.hidden_dim,
            dropout=self.dropout,
            dev_share=self.dev_share,
            balanced=self.balanced,
            fine_tune=self.fine_tune,
            tokenize=self.tokenize,
            fit=FitSettings(
                learning_rate=self.learning_rate,
                batch_size=self.batch_size,
                max_epochs=self.max_epochs,
                patience=self.patience,
                seed=self.random_state,
            ),
        )


def _name(index: int) -> str:
    return f"{index:09d}"
