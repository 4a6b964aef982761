"""Answer questions about the words of typed sentences."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from elmokit.data.vocabulary import NUM_SPECIALS
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ModelFileError
from elmokit.explorer.explored_text import ExploredText, explore_text
from elmokit.explorer.mixing import map_of_mix, mixed
from elmokit.explorer.turns import Turns
from elmokit.explorer.typed_text import Sentences
from elmokit.language_model import LanguageModel, Substitutes
from elmokit.neighbors.cosine import UNIT_TYPE, descending, similarities, unit_vectors
from elmokit.neighbors.index import NeighborIndex
from elmokit.neighbors.results import Neighbor, SimilarWord
from elmokit.visualize.projection import Method

_MAX_WORDS = 10_000  # of the vocabulary: encoding them takes a second with a small model
_CACHED_TEXTS = 8
_SHORT = 100  # words: t-SNE takes a fraction of a second
_CACHED_MAPS = 64


class Explorer:
    """Answers questions about typed sentences, one at a time; safe to call from several threads.

    Args:
        embedder: the model.
        corpus: the index of a text in which to search for neighbors as well.
        on_words: called with the number of words whose context-free vectors were just computed.

    Raises:
        ElmokitError: if a vector is not finite.
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
        self.language_model_error = ""
        """Why there is no language model, in one line."""
        try:
            self.language_model = LanguageModel(embedder.pretrained, device=str(embedder.model.device))
        except ModelFileError as error:
            self.language_model_error = str(error)
        self.words = self.comparison_words(embedder, corpus)
        """Words to search for context-free neighbors; empty if the corpus is searched instead."""
        self._units = np.zeros((0, 0), UNIT_TYPE)
        chunks = []
        for vectors in embedder.encode_chunks(self.words):
            chunks.append(unit_vectors(vectors).astype(UNIT_TYPE))
            if on_words is not None:
                on_words(len(vectors))
        if chunks:
            self._units = np.concatenate(chunks)
        # The embedder's cache is not thread-safe, and the model is the bottleneck anyway. Laying out a map
        # does not need the model, and must not keep others from it.
        self._model_turns = Turns()
        # UMAP's library may run once at a time; t-SNE runs once for long texts and beside it for a short one.
        self._umap_turns, self._tsne_turns, self._short_tsne_turns = Turns(), Turns(), Turns()
        self._explored = lru_cache(_CACHED_TEXTS)(self._explore)
        self._mapped = lru_cache(_CACHED_MAPS)(self._map)

    @staticmethod
    def comparison_words(embedder: ElmoEmbedder, corpus: NeighborIndex | None) -> list[str]:
        """Return the most frequent words of the vocabulary; none if there is a corpus to search instead."""
        vocabulary = embedder.pretrained.vocabulary
        if corpus is not None or vocabulary is None:
            return []
        return list(vocabulary.without_unreachable().words[NUM_SPECIALS : NUM_SPECIALS + _MAX_WORDS])

    def explore(self, sentences: Sentences) -> ExploredText:
        """Embed and score sentences; the most recent texts are cached.

        Args:
            sentences: at least one token.

        Raises:
            ElmokitError: if the model cannot process them.
        """
        with self._model_turns.turn(_num_words(sentences)):
            return self._explored(sentences)

    def map(self, sentences: Sentences, weights: Sequence[float], method: Method) -> np.ndarray:
        """Return a map (N, 2) of the words of the sentences, by the weighted mix of their layers.

        Raises:
            ElmokitError: if a vector is not finite, or a package that the method needs is not installed.
        """
        if method == "pca":  # takes no time
            return self._mapped(sentences, tuple(weights), method)
        num_words = _num_words(sentences)
        if method == "umap":
            turns = self._umap_turns
        else:
            turns = self._short_tsne_turns if num_words <= _SHORT else self._tsne_turns
        with turns.turn(num_words):
            return self._mapped(sentences, tuple(weights), method)

    def layer_maps(self, sentences: Sentences, method: Method) -> list[np.ndarray]:
        """Return a map (N, 2) of each layer, aligned with those of all mixes."""
        size = self.embedder.num_layers
        return [self.map(sentences, [float(k == own) for k in range(size)], method) for own in range(size)]

    def neighbors(
        self, sentences: Sentences, index: int, weights: Sequence[float], k: int = 10
    ) -> list[Neighbor]:
        """Return the other words of the sentences whose mixed vectors are nearest to that of a word."""
        text = self.explore(sentences)
        units = unit_vectors(mixed(text.layers, weights))
        found = np.round(units @ units[index], 6)
        return [
            Neighbor(text.occurrences[other], float(found[other]))
            for other in np.argsort(-found, kind="stable").tolist()
            if other != index
        ][:k]

    def corpus_neighbors(self, sentences: Sentences, index: int, k: int = 10) -> list[Neighbor]:
        """Return the occurrences in the corpus that are nearest to a word, in the layer of the corpus index.

        The list is empty without a corpus.
        """
        if self.corpus is None:
            return []
        text = self.explore(sentences)
        layer = self.corpus.layer
        vectors = text.layers.mean(axis=0) if layer == "average" else text.layers[layer]
        with self._model_turns.turn(1):
            return self.corpus.search(vectors[index], k, query=text.occurrences[index])

    def similar_words(self, sentences: Sentences, index: int, k: int = 10) -> list[SimilarWord]:
        """Return the words that are nearest to a word without context.

        They come from the corpus if there is one, else from the most frequent words of the vocabulary, else
        from the sentences.
        """
        text = self.explore(sentences)
        word = text.occurrences[index].word
        with self._model_turns.turn(1):
            if self.corpus is not None:
                vector = self.embedder.encode([word])[0].float().cpu().numpy()
                return self.corpus.similar_words(vector, k, word=word)
            typed = sorted({occurrence.word for occurrence in text.occurrences})
            words, units = (self.words, self._units) if self.words else (typed, self._token_units(typed))
            found = similarities(units, self._token_units([word])[0].astype(np.float32))
        others = (other for other in descending(found) if words[other].casefold() != word.casefold())
        return [SimilarWord(words[other], float(found[other])) for other in itertools.islice(others, k)]

    def substitutes(self, sentences: Sentences, index: int, k: int = 10) -> Substitutes | None:
        """Return the language model's predictions for a word; None without a language model."""
        if self.language_model is None:
            return None
        occurrence = self.explore(sentences).occurrences[index]
        with self._model_turns.turn(len(occurrence.sentence)):
            return self.language_model.substitutes(occurrence.sentence, occurrence.position, k)

    def _explore(self, sentences: Sentences) -> ExploredText:
        return explore_text(self.embedder, self.language_model, sentences)

    def _map(self, sentences: Sentences, weights: tuple[float, ...], method: Method) -> np.ndarray:
        return map_of_mix(self.explore(sentences).layers, weights, method)

    def _token_units(self, words: Sequence[str]) -> np.ndarray:
        """Return context-free unit vectors (len(words), P)."""
        return unit_vectors(self.embedder.encode(words).float().cpu().numpy()).astype(UNIT_TYPE)


def _num_words(sentences: Sentences) -> int:
    return sum(map(len, sentences))
