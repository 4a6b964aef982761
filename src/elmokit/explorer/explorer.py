"""What a model says about the words of typed sentences."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np

from elmokit.data.occurrences import Use, find_uses, vectors_of
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ModelFileError
from elmokit.explorer.mixing import map_of_mix, mixed
from elmokit.explorer.typed_text import Sentences
from elmokit.language_model import LanguageModel, Substitutes
from elmokit.neighbors.cosine import UNIT_TYPE, falling, similarities, unit_vectors
from elmokit.neighbors.index import Neighbor, NeighborIndex, SimilarWord
from elmokit.visualize.projection import Method

Direction: TypeAlias = Literal["forward", "backward", "mean"]

_MOST_WORDS = 10_000  # of the vocabulary whose context-free vectors are compared: a second for a small model
_BLOCK_WORDS = 500
_KEPT_TEXTS = 8
_KEPT_MAPS = 32


@dataclass(frozen=True)
class ExploredText:
    """Typed sentences and what can be seen of each of their words."""

    uses: list[Use]
    """N of them, in the order of the text."""
    layers: np.ndarray
    """(L, N, D) float32."""
    surprise: Mapping[Direction, np.ndarray]
    """−ln p of each word, (N,); forward alone for a forward model, empty without a language model."""
    is_unknown: list[bool]
    """Of each word: not in the vocabulary. All false where there is no language model."""

    @property
    def telling_place(self) -> int:
        """The place of a word that is worth a look first: the longest that occurs again, else the longest."""
        words = [use.word.casefold() for use in self.uses]
        frequency = Counter(words)
        return max(range(len(words)), key=lambda k: (frequency[words[k]] > 1, len(words[k]), -k))

    def nearest_place(self, place: int) -> int:
        """A place that exists: a click may come from a longer text that has just been replaced."""
        return max(0, min(place, len(self.uses) - 1))


class Explorer:
    """Answers questions about typed sentences, one at a time, from any number of threads.

    Args:
        embedder: the model.
        corpus: a text in which to look for neighbors as well.
        on_words: told how many further words have got their context-free vectors.

    Raises:
        ElmokitError: when a vector is not finite.
    """

    def __init__(
        self,
        embedder: ElmoEmbedder,
        corpus: NeighborIndex | None = None,
        *,
        on_words: Callable[[int], None] | None = None,
    ) -> None:
        self.embedder, self.corpus = embedder, corpus
        self.language_model: LanguageModel | None = None
        self.silence = ""
        """Why there is no language model, in one line."""
        try:
            self.language_model = LanguageModel(embedder.pretrained, device=str(embedder.model.device))
        except ModelFileError as error:
            self.silence = str(error)
        self.words = self.words_to_compare(embedder, corpus)
        """Among which context-free neighbors are looked for; empty where those of the corpus serve."""
        self._units = np.zeros((0, 0), UNIT_TYPE)
        blocks = []
        for start in range(0, len(self.words), _BLOCK_WORDS):
            block = self.words[start : start + _BLOCK_WORDS]
            blocks.append(self._token_units(block))
            if on_words is not None:
                on_words(len(block))
        if blocks:
            self._units = np.concatenate(blocks)
        # The embedder's cache is not made for several threads, and the model's time is one anyway.
        self._lock = threading.Lock()
        self._explored = lru_cache(_KEPT_TEXTS)(self._explore)
        self._mapped = lru_cache(_KEPT_MAPS)(self._map)

    @staticmethod
    def words_to_compare(embedder: ElmoEmbedder, corpus: NeighborIndex | None) -> list[str]:
        """The most frequent words of the vocabulary, without the special ones; none beside a corpus."""
        vocabulary = embedder.pretrained.vocabulary
        if corpus is not None or vocabulary is None:
            return []
        return list(vocabulary.words[3 : 3 + _MOST_WORDS])

    def explore(self, sentences: Sentences) -> ExploredText:
        """Embed and score sentences; the last few texts are kept.

        Args:
            sentences: of one token at least.

        Raises:
            ElmokitError: when the model cannot take them.
        """
        with self._lock:
            return self._explored(sentences)

    def map(self, sentences: Sentences, weights: Sequence[float], method: Method) -> np.ndarray:
        """The words of the sentences as points (N, 2) of a map of the mix of their layers.

        Raises:
            ElmokitError: when a vector is not finite, or the package behind the method is not installed.
        """
        with self._lock:
            return self._mapped(sentences, tuple(weights), method)

    def neighbors(
        self, sentences: Sentences, place: int, weights: Sequence[float], k: int = 10
    ) -> list[Neighbor]:
        """The other words of the sentences whose mixes of layers are nearest to that of a word."""
        text = self.explore(sentences)
        units = unit_vectors(mixed(text.layers, weights))
        found = np.round(units @ units[place], 6)
        return [
            Neighbor(text.uses[other], float(found[other]))
            for other in np.argsort(-found, kind="stable").tolist()
            if other != place
        ][:k]

    def corpus_neighbors(self, sentences: Sentences, place: int, k: int = 10) -> list[Neighbor]:
        """The uses in the corpus that are nearest to a word, by the layer of its index; none without one."""
        if self.corpus is None:
            return []
        text = self.explore(sentences)
        layer = self.corpus.layer
        vectors = text.layers.mean(axis=0) if layer == "average" else text.layers[layer]
        with self._lock:
            return self.corpus.search(vectors[place], k, query=text.uses[place])

    def similar_words(self, sentences: Sentences, place: int, k: int = 10) -> list[SimilarWord]:
        """The words nearest to a word without context.

        Of the corpus where there is one, else of the vocabulary's most frequent words, else of the sentences.
        """
        text = self.explore(sentences)
        word = text.uses[place].word
        with self._lock:
            if self.corpus is not None:
                vector = self.embedder.encode([word])[0].float().cpu().numpy()
                return self.corpus.similar_words(vector, k, word=word)
            typed = sorted({use.word for use in text.uses})
            words, units = (self.words, self._units) if self.words else (typed, self._token_units(typed))
            found = similarities(units, self._token_units([word])[0].astype(np.float32))
        others = (other for other in falling(found) if words[other].casefold() != word.casefold())
        return [SimilarWord(words[other], float(found[other])) for other in itertools.islice(others, k)]

    def substitutes(self, sentences: Sentences, place: int, k: int = 10) -> Substitutes | None:
        """What the language model would put in the place of a word; None without a language model."""
        if self.language_model is None:
            return None
        use = self.explore(sentences).uses[place]
        with self._lock:
            return self.language_model.substitutes(use.sentence, use.position, k)

    def _explore(self, sentences: Sentences) -> ExploredText:
        uses = find_uses(sentences)
        surprise: dict[Direction, np.ndarray] = {}
        is_unknown = [False] * len(uses)
        if self.language_model is not None:
            scores = list(self.language_model.score(sentences))
            is_unknown = [unknown for score in scores for unknown in score.is_unknown]
            # Forward ends with the end of the sentence, backward begins with its begin.
            surprise["forward"] = -np.concatenate([score.forward[:-1] for score in scores])
            backward = [score.backward[1:] for score in scores if score.backward is not None]
            if backward:
                surprise["backward"] = -np.concatenate(backward)
                surprise["mean"] = (surprise["forward"] + surprise["backward"]) / 2
        return ExploredText(uses, vectors_of(self.embedder, uses), surprise, is_unknown)

    def _map(self, sentences: Sentences, weights: tuple[float, ...], method: Method) -> np.ndarray:
        return map_of_mix(self._explored(sentences).layers, weights, method)

    def _token_units(self, words: Sequence[str]) -> np.ndarray:
        """Context-free unit vectors (len(words), P)."""
        return unit_vectors(self.embedder.encode(words).float().cpu().numpy()).astype(UNIT_TYPE)
