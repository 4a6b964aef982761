"""simple_elmo: ``ElmoModel``, with token vectors, sentence vectors and lexical substitutes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
from torch import Tensor

from elmokit.arguments import checked, whole_number, yes_or_no
from elmokit.data.sentences import tokenized
from elmokit.data.vocabulary import BOS_ID, EOS_ID, Vocabulary
from elmokit.dialects.padding import pad
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.language_model import LanguageModel, top_words
from elmokit.loading import load
from elmokit.pretrained import PretrainedModel


class Candidates(TypedDict):
    """The words that one direction predicts at a position, most likely first."""

    candidates: list[int]
    """Vocabulary ids."""
    candidate_words: list[str]
    """The words with these ids."""
    logp: list[float]
    """Natural log-probabilities, rounded to four decimals."""


class WordSubstitutes(TypedDict):
    """Substitutes for a word of a sentence."""

    word: str
    """The word, or ``<UNK>`` if it is not in the vocabulary."""
    forward: Candidates
    """Predicted from the words before it."""
    backward: Candidates
    """Predicted from the words after it; empty for a forward-only model."""


class ElmoModel:
    """A biLM with the methods of simple_elmo's class. Call :meth:`load` first.

    Every sentence starts from a zero LSTM state, so no warm-up is needed.
    """

    def __init__(self) -> None:
        self.batch_size = 32
        self._loaded: PretrainedModel | None = None
        self._embedder: ElmoEmbedder | None = None
        self._language_model: LanguageModel | None = None

    def __repr__(self) -> str:
        return f"ElmoModel({'not loaded' if self._embedder is None else repr(self._embedder)})"

    @checked
    def load(
        self, directory: str | Path, max_batch_size: int = 32, limit: int = 100, full: bool = False
    ) -> str:
        """Load a model.

        Args:
            directory: a model in any format that :func:`elmokit.load` reads, including ZIP archives.
            max_batch_size: number of sentences to run together.
            limit: has no effect, because recent words are cached.
            full: load the softmax too, for :meth:`get_elmo_substitutes`.

        Returns:
            A message.

        Raises:
            ModelFileError: if the model's files are missing, damaged or do not match; with ``full``, also if
                the softmax or the vocabulary is missing.
        """
        full = yes_or_no("full", full)
        loaded = load(directory, softmax=full)
        self._language_model = LanguageModel(loaded) if full else None
        self._embedder = ElmoEmbedder(loaded)
        self._loaded = loaded if full else None  # the softmax is large
        self.batch_size = whole_number("max_batch_size", max_batch_size, least=1)
        return "The model is now loaded."

    @property
    def n_layers(self) -> int:
        """Number of layers L, including the token layer."""
        return self._require_embedder().num_layers

    @property
    def vector_size(self) -> int:
        """Width D of a vector."""
        return self._require_embedder().dim

    @checked
    def get_elmo_vectors(
        self,
        texts: Iterable[str | Sequence[str]],
        warmup: bool = True,
        layers: Literal["average", "top", "all"] = "average",
        session: Any = None,
    ) -> np.ndarray:
        """Embed words.

        Args:
            texts: B lists of words, or plain strings, which are split on whitespace.
            warmup: has no effect.
            layers: ``average`` over the layers, ``top`` or ``all``.
            session: has no effect.

        Returns:
            float64 vectors (B, T, D), or (B, L, T, D) for ``all``. T is the length of the longest sentence;
            shorter ones are padded with zeros.

        Raises:
            ConfigError: if there is no such choice of layers, or no model is loaded.
        """
        vectors = self._embed(texts, layers)
        num_steps = max((own.shape[-2] for own in vectors), default=0)
        outer = (self.n_layers,) if layers == "all" else ()
        return pad(vectors, (*outer, num_steps, self.vector_size), np.float64)

    @checked
    def get_elmo_vector_average(
        self,
        texts: Iterable[str | Sequence[str]],
        warmup: bool = True,
        layers: Literal["average", "top", "all"] = "average",
        session: Any = None,
    ) -> np.ndarray:
        """Embed sentences: the mean of the words' vectors, divided by its Euclidean norm.

        Args:
            texts: B lists of words, or plain strings, which are split on whitespace.
            warmup: has no effect.
            layers: as for :meth:`get_elmo_vectors`. For ``all``, the norm is over all layers together.
            session: has no effect.

        Returns:
            float64 vectors (B, D), or (B, L, D) for ``all``; zeros for a sentence without words.

        Raises:
            ConfigError: if there is no such choice of layers, or no model is loaded.
        """
        shape = (self.n_layers, self.vector_size) if layers == "all" else (self.vector_size,)
        vectors = self._embed(texts, layers)
        averages = np.zeros((len(vectors), *shape))
        for average, own in zip(averages, vectors, strict=True):
            total = own.sum(axis=-2, dtype=np.float64)
            norm = np.linalg.norm(total)  # the sum and the mean have the same direction
            if norm > 0:
                average[...] = total / norm
        return averages

    @checked
    def get_elmo_substitutes(
        self, data: Iterable[str | Sequence[str]], topn: int = 3, nodelimiters: bool = True
    ) -> list[list[WordSubstitutes]]:
        """Predict lexical substitutes for each word, in each direction.

        Args:
            data: sentences as plain strings, which are split on whitespace, or lists of words.
            topn: number of candidates per direction.
            nodelimiters: leave out ``<S>`` and ``</S>``.

        Returns:
            A list for each sentence, with one entry per word.

        Raises:
            ConfigError: if ``topn`` is not positive, or the model was not loaded with ``full=True``.
        """
        if self._language_model is None or self._loaded is None:
            raise ConfigError("get_elmo_substitutes needs the softmax: load the model with full=True")
        topn = whole_number("topn", topn, least=1)
        vocabulary = self._loaded.require_softmax()
        found = []
        for words in tokenized(data, "data"):
            directions = [
                [_best(row, vocabulary, topn, nodelimiters) for row in scores]
                if scores is not None
                else [Candidates(candidates=[], candidate_words=[], logp=[]) for _ in words]
                for scores in self._language_model.predictions(words)
            ]
            found.append(
                [
                    WordSubstitutes(
                        word=vocabulary[vocabulary.id_of(word)], forward=forward, backward=backward
                    )
                    for word, forward, backward in zip(words, *directions, strict=True)
                ]
            )
        return found

    def _embed(self, texts: Iterable[str | Sequence[str]], layers: str) -> list[np.ndarray]:
        if layers not in ("average", "top", "all"):
            raise ConfigError(f"layers: expected average, top or all, got {layers!r}")
        return self._require_embedder().embed(texts, layers, batch_size=self.batch_size)  # type: ignore[arg-type]

    def _require_embedder(self) -> ElmoEmbedder:
        if self._embedder is None:
            raise ConfigError("no model is loaded: call load first")
        return self._embedder


def _best(scores: Tensor, vocabulary: Vocabulary, topn: int, nodelimiters: bool) -> Candidates:
    excluded = (*((BOS_ID, EOS_ID) if nodelimiters else ()), *vocabulary.unreachable)
    best = top_words(scores, topn, excluded_ids=excluded)
    return Candidates(
        candidates=[id_ for id_, _ in best],
        candidate_words=[vocabulary[id_] for id_, _ in best],
        logp=[round(log_probability, 4) for _, log_probability in best],
    )
