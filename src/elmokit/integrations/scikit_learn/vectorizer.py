"""ELMo vectors of sentences as a transformer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from elmokit.arguments import described, numbers, path_text, strings
from elmokit.data.sentences import tokenized
from elmokit.embedder import ElmoEmbedder, Layers, Pooling
from elmokit.errors import ConfigError, MissingExtraError, ModelFileError
from elmokit.files.home import expanded
from elmokit.loading import load
from elmokit.model.layer_choice import choose_layers
from elmokit.model.pooling import choose_pooling
from elmokit.pretrained import PretrainedModel

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import Tags
except ImportError:
    raise MissingExtraError("elmokit.integrations.scikit_learn", "scikit-learn") from None

Mixture: TypeAlias = Layers | Sequence[float]
"""A choice of layers, or one weight for each layer."""


class ElmoVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn sentences into ELMo vectors, as ``TfidfVectorizer`` turns them into counts.

    Nothing is learned from the sentences, so :meth:`transform` works without :meth:`fit`. A pickle holds the
    settings and the fingerprint of the model, not its parameters: the model is loaded where it is used.

    Args:
        model: name or path of a model in any format that :func:`elmokit.load` reads.
        layers: ``average``, ``top`` or ``all`` layers one after the other, the index of a layer, or a list
            with one weight per layer.
        pooling: one vector per sentence: the ``mean`` or ``max`` over its words, or the vector of its
            ``first`` or ``last`` word; or several of them, one after the other. A sentence without words gets
            zeros.
        tokenizer: a function from a string to its tokens; by default strings are split on whitespace.
        batch_size: number of sentences to run together.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    def __init__(
        self,
        model: str | Path = "tiny-en",
        *,
        layers: Mixture = "average",
        pooling: Pooling | Sequence[Pooling] = "mean",
        tokenizer: Callable[[str], Sequence[str]] | None = None,
        batch_size: int = 64,
        device: str = "cpu",
    ) -> None:
        self.model = model
        self.layers = layers
        self.pooling = pooling
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Iterable[str | Sequence[str]], y: object = None) -> Self:
        """Check the settings and remember which model it is.

        Args:
            X: sentences, which are not read.
            y: not used.

        Raises:
            ConfigError: if there is no such layer, pooling or device.
            ModelFileError: if the model is missing or damaged.
        """
        embedder = self._embedder()
        self._n_features_out = self._width(embedder)
        self.fingerprint_ = embedder.fingerprint
        return self

    def transform(self, X: Iterable[str | Sequence[str]]) -> np.ndarray:
        """Return the vectors of sentences.

        Args:
            X: lists of tokens or plain strings.

        Returns:
            (number of sentences, width), float32. The width is D for one pooling of one layer or mixture.

        Raises:
            ConfigError: if there is no such layer, pooling or device.
            ElmokitError: if ``X`` is a single string, or a sentence or token is not a string.
            ModelFileError: if the model is missing, damaged, or another one than in :meth:`fit`.
        """
        embedder = self._embedder()
        if getattr(self, "fingerprint_", embedder.fingerprint) != embedder.fingerprint:
            raise ModelFileError(
                f"{self.model}: not the model that the vectorizer was fitted with: call fit again"
            )
        vectors = np.empty((0, self._width(embedder)), dtype=np.float32)
        rows = list(self._pooled(embedder, X))
        return np.stack(rows) if rows else vectors

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: without the loaded model."""
        return {name: value for name, value in super().__getstate__().items() if name != "_loaded"}

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = False
        return tags

    def _embedder(self) -> ElmoEmbedder:
        """Return the embedder, which is kept as long as the model and the device are the same."""
        if self.tokenizer is not None and not callable(self.tokenizer):
            raise ConfigError(f"tokenizer: expected a function, got {described(self.tokenizer)}")
        key = (path_text(self.model), _version(self.model), self.device)
        kept = getattr(self, "_loaded", None)
        if kept is None or kept[0] != key:
            self._loaded = kept = key, ElmoEmbedder(_model(*key[:2]), device=self.device)
        embedder: ElmoEmbedder = kept[1]
        return embedder

    def _poolings(self) -> list[Callable[[np.ndarray], np.ndarray]]:
        several = None if isinstance(self.pooling, str) else strings("pooling", self.pooling)
        names = [self.pooling] if several is None else several
        if not names:
            raise ConfigError(f"pooling: expected mean, max, first or last, or several, got {self.pooling!r}")
        return [choose_pooling(name) for name in names]  # type: ignore[arg-type]

    def _weights(self, embedder: ElmoEmbedder) -> np.ndarray | None:
        """Return the weights (L,) of a mixture, or None if ``layers`` is another choice."""
        if isinstance(self.layers, str | int | np.integer):
            choose_layers(self.layers, embedder.num_layers)
            return None
        try:
            weights = np.array(numbers("layers", self.layers), dtype=np.float32)
        except ConfigError as error:
            raise ConfigError(
                f"layers: expected one weight for each of {embedder.num_layers} layers: {error}"
            ) from None
        if weights.shape != (embedder.num_layers,):
            raise ConfigError(
                f"layers: expected one weight for each of {embedder.num_layers} layers, got {self.layers!r}"
            )
        return weights

    def _width(self, embedder: ElmoEmbedder) -> int:
        self._weights(embedder)
        num_layers = embedder.num_layers if isinstance(self.layers, str) and self.layers == "all" else 1
        return num_layers * embedder.dim * len(self._poolings())

    def _pooled(
        self, embedder: ElmoEmbedder, sentences: Iterable[str | Sequence[str]]
    ) -> Iterator[np.ndarray]:
        weights, poolings, tokenizer = self._weights(embedder), self._poolings(), self.tokenizer
        if tokenizer is not None and not isinstance(sentences, str):
            sentences = [tokenizer(own) if isinstance(own, str) else own for own in sentences]
        checked = list(tokenized(sentences, "X"))
        layers: Layers = self.layers if weights is None else "all"  # type: ignore[assignment]
        for vectors in embedder.iter_embed(checked, layers, batch_size=self.batch_size):
            mixed = vectors if weights is None else np.tensordot(weights, vectors, axes=1)  # (…, T, D)
            yield np.concatenate([pool(mixed).ravel() for pool in poolings])


@lru_cache(maxsize=2)
def _model(model: str, version: object) -> PretrainedModel:
    """Load a model once for all clones of an estimator, as long as its files do not change."""
    return load(model)


def _version(model: str | Path) -> object:
    """Return what changes when the files of a local model do; None for a model by name."""
    path = expanded(model)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files if file.exists())
