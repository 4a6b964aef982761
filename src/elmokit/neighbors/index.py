"""The nearest occurrences of words in context, as in table 4 of Peters et al. 2018."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import get_args

import numpy as np

from elmokit.arguments import checked, instance_of, one_of, whole_number
from elmokit.data.corpus import Corpus
from elmokit.data.occurrences import Occurrence, position_of
from elmokit.data.sentences import tokens_of
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, CorpusError, ElmokitError, OutputError
from elmokit.files.cache import default_cache_dir
from elmokit.files.checksums import text_checksum
from elmokit.files.home import expanded
from elmokit.files.leftovers import clear_leftovers
from elmokit.model.layer_choice import layer_index
from elmokit.neighbors.content import IndexContent, Layer
from elmokit.neighbors.cosine import UNIT_TYPE, unit_vectors
from elmokit.neighbors.files import FORMAT_VERSION, is_index, open_index, write_index
from elmokit.neighbors.results import Nearest, Neighbor, SimilarWord
from elmokit.neighbors.search import Words, nearest_occurrences, nearest_words
from elmokit.neighbors.text_vectors import contextual_units, word_units

DEFAULT_LAYER: Layer = "average"
"""Peters et al. search the top layer of a large model. In the average of all layers, the token layer favors
the same word and the other layers find its sense: "attending the play" is near "plays", where the top layer
of a small model prefers anything that can be attended."""


class NeighborIndex:
    """An index of the contextual vectors of all words of a text, searched by cosine similarity.

    Create one with :meth:`build`, :meth:`stored` or :meth:`open`.

    Args:
        embedder: the model, which also embeds the queries.
        content: the text and its vectors.
        directory: the directory of the index; None if it is in memory.
    """

    def __init__(self, embedder: ElmoEmbedder, content: IndexContent, directory: Path | None = None) -> None:
        self.embedder, self.directory = embedder, directory
        self._content = content

    def __repr__(self) -> str:
        place = "in memory" if self.directory is None else repr(str(self.directory))
        content = self._content
        return f"NeighborIndex({place}, layer={content.layer!r}, num_tokens={len(content.vectors)})"

    @classmethod
    @checked
    def build(
        cls,
        embedder: ElmoEmbedder,
        text: Corpus | Iterable[str | Sequence[str]],
        directory: str | Path | None = None,
        *,
        layer: Layer = DEFAULT_LAYER,
        batch_size: int = 64,
        on_tokens: Callable[[int], None] | None = None,
        on_clustered: Callable[[int], None] | None = None,
    ) -> NeighborIndex:
        """Embed all words of a text.

        Args:
            embedder: the model.
            text: sentences as lists of tokens or as plain strings, which are split on whitespace; or a
                prepared text of any size, see :func:`elmokit.prepare_corpus`.
            directory: where to write the index; an existing one is replaced. By default the index is kept in
                memory, with 2 D bytes per token.
            layer: ``top``, ``average`` over the layers, or the number of one layer.
            batch_size: number of sentences per batch.
            on_tokens: called with the number of tokens that were just embedded.
            on_clustered: called with the number of vectors of a large index that were just clustered.

        Raises:
            ConfigError: if the model has no such layer.
            CorpusError: if the text has no words.
            OutputError: if the index cannot be written.
            MissingExtraError: if the index would take more than 2 GiB and faiss is not installed.
            ElmokitError: if a vector is not finite, or ``text`` is a single string.
        """
        instance_of("embedder", embedder, ElmoEmbedder)
        number = _layer_number(embedder, layer)
        corpus = text if isinstance(text, Corpus) else Corpus.from_sentences(text)
        if directory is not None:
            write_index(
                expanded(directory),
                embedder,
                corpus,
                number,
                batch_size=batch_size,
                on_tokens=on_tokens,
                on_clustered=on_clustered,
            )
            return cls.open(directory, embedder)
        memory = BytesIO()
        for units in contextual_units(embedder, corpus, number, batch_size):
            memory.write(units.data)
            if on_tokens is not None:
                on_tokens(len(units))
        vectors = np.frombuffer(memory.getbuffer(), UNIT_TYPE).reshape(-1, embedder.dim)
        return cls(embedder, IndexContent(number, corpus, vectors, word_units(embedder, corpus)))

    @classmethod
    @checked
    def open(cls, directory: str | Path, embedder: ElmoEmbedder) -> NeighborIndex:
        """Open an index that was written by :meth:`build` or :meth:`stored`.

        Args:
            directory: the directory of the index.
            embedder: the model that the index was built with.

        Raises:
            CorpusError: if there is no index, or it is damaged or was built with another model.
        """
        instance_of("embedder", embedder, ElmoEmbedder)
        content, values = open_index(expanded(directory))
        if values["model"] != embedder.fingerprint:
            raise CorpusError(
                f"{directory}: the index was built with another model ({values['model_source']}), not with "
                f"{embedder.pretrained.source}: use that model, or build an index in another directory"
            )
        return cls(embedder, content, expanded(directory))

    @classmethod
    @checked
    def stored(
        cls,
        embedder: ElmoEmbedder,
        corpus: Corpus,
        directory: str | Path | None = None,
        *,
        layer: Layer = DEFAULT_LAYER,
        batch_size: int = 64,
        on_tokens: Callable[[int], None] | None = None,
        on_clustered: Callable[[int], None] | None = None,
    ) -> NeighborIndex:
        """Open the index of a text, and build it first if it does not exist.

        An index in the cache is identified by the content of text and model and by the layer; a damaged one
        is rebuilt.

        Args:
            embedder: the model.
            corpus: the text.
            directory: the directory of the index; by default one in ``$ELMOKIT_CACHE`` or the user's cache
                directory.
            layer: as in :meth:`build`.
            batch_size: as in :meth:`build`.
            on_tokens: as in :meth:`build`; not called if the index exists.
            on_clustered: as in :meth:`build`; not called if the index exists.

        Raises:
            ConfigError: if the model has no such layer.
            CorpusError: if ``directory`` holds a damaged index, or one of another text, model or layer.
            MissingExtraError: as in :meth:`build`.
            OutputError: if the index cannot be written, or ``directory`` holds something else.
            ElmokitError: if a vector is not finite.
        """
        instance_of("embedder", embedder, ElmoEmbedder)
        instance_of("corpus", corpus, Corpus, "a Corpus of prepare_corpus()")
        number = _layer_number(embedder, layer)
        path = _cache_path(embedder, corpus, number) if directory is None else expanded(directory)
        if is_index(path):
            try:
                index = cls.open(path, embedder)
                index._check_matches(corpus, number, path)
                return index
            except CorpusError:
                if directory is not None:
                    raise
        elif path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise OutputError(f"{path} already exists and is not a neighbor index: choose another directory")
        try:
            index = cls.build(
                embedder,
                corpus,
                path,
                layer=number,
                batch_size=batch_size,
                on_tokens=on_tokens,
                on_clustered=on_clustered,
            )
        except OutputError as error:
            if directory is not None:
                raise
            raise OutputError(
                f"{error}; choose a directory with enough space for the index, or set ELMOKIT_CACHE to one"
            ) from error
        if directory is None:
            clear_leftovers(path.parent)
        return index

    @property
    def layer(self) -> Layer:
        """The indexed layer: ``average``, or its number from 0."""
        return self._content.layer

    @property
    def corpus(self) -> Corpus:
        """The indexed text."""
        return self._content.corpus

    @property
    def num_bytes(self) -> int:
        """Size of the vectors in bytes: what a search reads, and roughly the size of the index."""
        return self._content.vectors.nbytes + self._content.word_vectors.nbytes

    @checked
    def nearest(
        self, sentence: str | Sequence[str], word: str | int, k: int = 10, *, words: Words = "all"
    ) -> Nearest:
        """Find what is nearest to a word of a sentence, in context and without.

        Occurrences in the sentence itself are left out if the text contains it, and a sentence that the text
        repeats counts once.

        Args:
            sentence: a list of tokens, or a plain string.
            word: a token, of which the first occurrence counts, or a position, from the end if negative.
            k: maximum number of occurrences and of words.
            words: whether to find occurrences of ``all`` words, of the ``same`` word or of ``other`` words;
                case is ignored.

        Raises:
            ConfigError: if the sentence has no such word or position, or ``k`` is not positive.
        """
        tokens = tokens_of(sentence)
        query = Occurrence(tuple(tokens), 0, position_of(tokens, word))
        vectors = self.embedder.embed([tokens], self.layer)[0]
        token_vector = self.embedder.encode([query.word])[0].float().cpu().numpy()
        return Nearest(
            query,
            self.search(vectors[query.position], k, query=query, words=words),
            self.similar_words(token_vector, k, word=query.word),
        )

    @checked
    def search(
        self, vector: np.ndarray, k: int = 10, *, query: Occurrence | None = None, words: Words = "all"
    ) -> list[Neighbor]:
        """Find the occurrences whose vectors have the highest cosine similarity to a vector.

        Args:
            vector: (D,), from the layer of the index.
            k: maximum number of occurrences; fewer are returned only if the text has no more.
            query: the occurrence that the vector comes from; occurrences in its sentence are left out.
            words: whether to find occurrences of ``all`` words, or only of the ``same`` word as in ``query``,
                or only of ``other`` words; case is ignored.

        Raises:
            ConfigError: if ``k`` is not positive.
            ElmokitError: if the vector has another width or is not finite.
        """
        if query is not None:
            instance_of("query", query, Occurrence)
        one_of("words", words, get_args(Words))
        unit = _unit_query(vector, self._content.vectors.shape[1], k)
        return nearest_occurrences(self._content, unit, k, query=query, words=words)

    @checked
    def similar_words(self, vector: np.ndarray, k: int = 10, *, word: str | None = None) -> list[SimilarWord]:
        """Find the words whose context-free vectors have the highest cosine similarity to a vector.

        Args:
            vector: (P,), from :meth:`ElmoEmbedder.encode`.
            k: maximum number of words.
            word: a word to leave out, however it is capitalized.

        Raises:
            ConfigError: if ``k`` is not positive.
            ElmokitError: if the vector has another width or is not finite.
        """
        if word is not None:
            instance_of("word", word, str, "a string")
        unit = _unit_query(vector, self._content.word_vectors.shape[1], k)
        return nearest_words(self._content, unit, k, exclude=word)

    def _check_matches(self, corpus: Corpus, layer: Layer, directory: Path) -> None:
        mismatches = []
        if self.corpus.fingerprint != corpus.fingerprint:
            mismatches.append("another text (or the text has changed)")
        if self.layer != layer:
            mismatches.append(f"layer {self.layer} instead of {layer}")
        if mismatches:
            raise CorpusError(
                f"{directory}: the index was built from {' and '.join(mismatches)}: "
                "choose another directory, or delete this one"
            )


def _layer_number(embedder: ElmoEmbedder, layer: Layer) -> Layer:
    """Return ``average``, or the number of a layer from 0."""
    if isinstance(layer, str) and layer == "average":
        return layer
    number = layer_index(layer, embedder.num_layers)
    if number is None:
        raise ConfigError(f"layer: expected top, average or 0 to {embedder.num_layers - 1}, got {layer!r}")
    return number


def _cache_path(embedder: ElmoEmbedder, corpus: Corpus, layer: Layer) -> Path:
    key = json.dumps([FORMAT_VERSION, corpus.fingerprint, embedder.fingerprint, layer])
    return default_cache_dir() / "neighbors" / text_checksum(key)


def _unit_query(vector: np.ndarray, dim: int, k: int) -> np.ndarray:
    whole_number("k", k, least=1)
    try:
        vector = np.asarray(vector, np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ElmokitError(f"vector: expected {dim} numbers, got {type(vector).__name__} ({error})") from None
    if vector.shape != (dim,):
        raise ElmokitError(f"vector: shape {vector.shape}, expected ({dim},) as in the index")
    if not np.isfinite(vector).all():
        raise ElmokitError(
            "vector: contains NaN or infinity: the model is damaged or cannot represent this word"
        )
    return unit_vectors(vector)
