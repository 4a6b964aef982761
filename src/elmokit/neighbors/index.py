"""The nearest uses of a word in context, as in table 4 of Peters et al. 2018."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from elmokit.data.corpus import Corpus
from elmokit.data.occurrences import Use, position_of
from elmokit.data.word_types import NUM_BOUNDARY_TYPES
from elmokit.embedder import ElmoEmbedder, tokenized
from elmokit.errors import ConfigError, CorpusError, ElmokitError, OutputError
from elmokit.files.atomic import clear_leftovers
from elmokit.files.cache import default_cache_dir
from elmokit.files.checksums import text_checksum
from elmokit.neighbors.cosine import UNIT_TYPE, falling, similarities, unit_vectors
from elmokit.neighbors.files import (
    FORMAT_VERSION,
    IndexContent,
    Layer,
    contextual_units,
    is_index,
    open_index,
    word_units,
    write_index,
)

Words: TypeAlias = Literal["all", "same", "other"]

DEFAULT_LAYER: Layer = "average"
"""Peters et al. searched by the top layer of a large model. In the average the token layer keeps near what is
the same word, and the other layers find its sense: "attending the play" is near plays, where the top layer of
a small model has whatever may be attended."""

_LEFTOVER_SECONDS = 24 * 60 * 60  # without a write: nobody embeds this slowly


class Neighbor(NamedTuple):
    """A use of a word, and the cosine similarity of its vector to that of the query."""

    use: Use
    similarity: float


class SimilarWord(NamedTuple):
    """A word, and the cosine similarity of its context-free vector to that of the query."""

    word: str
    similarity: float


@dataclass(frozen=True)
class Nearest:
    """What is nearest to a word in its sentence."""

    query: Use
    uses: list[Neighbor]
    """In context, nearest first."""
    words: list[SimilarWord]
    """Without context, nearest first."""


class NeighborIndex:
    """All words of a text by their contextual vectors, to be searched for the nearest ones.

    Made by :meth:`build`, :meth:`stored` and :meth:`open`.

    Args:
        embedder: the model, which embeds the queries too.
        content: the text and its vectors.
        directory: that the index lies in; None for one in memory.
    """

    def __init__(self, embedder: ElmoEmbedder, content: IndexContent, directory: Path | None = None) -> None:
        self.embedder, self.directory = embedder, directory
        self.layer, self.corpus, self._vectors, self._word_vectors, self._clusters = content

    @classmethod
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
            text: sentences as lists of tokens or plain strings, which are split on white space; or a
                prepared text of any size, see :func:`elmokit.prepare_corpus`.
            directory: where to write the index; one that is there is replaced. By default it is kept in
                memory, 2 D bytes a token.
            layer: ``top``, ``average`` over the layers, or the number of one layer.
            batch_size: sentences that are run together.
            on_tokens: told how many further tokens have been embedded.
            on_clustered: told how many further vectors of a large index have found their clusters.

        Raises:
            ConfigError: when there is no such layer.
            CorpusError: when the text has no words.
            OutputError: when the index cannot be written.
            MissingExtraError: when it would take more than 2 GiB, and faiss is not installed.
            ElmokitError: when a vector is not finite, or ``text`` is a single string.
        """
        number = _layer_number(embedder, layer)
        corpus = text if isinstance(text, Corpus) else Corpus.from_sentences(tokenized(text))
        if directory is not None:
            write_index(
                Path(directory),
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
    def open(cls, directory: str | Path, embedder: ElmoEmbedder) -> NeighborIndex:
        """Open an index that was written by :meth:`build` or :meth:`stored`.

        Args:
            directory: of the index.
            embedder: the model that it was built with.

        Raises:
            CorpusError: when there is none, or it is damaged or of another model.
        """
        content, facts = open_index(Path(directory))
        if facts["model"] != embedder.fingerprint:
            raise CorpusError(
                f"{directory}: the index was built with another model ({facts['model_source']}), not with "
                f"{embedder.pretrained.source}: use that one, or build an index elsewhere"
            )
        return cls(embedder, content, Path(directory))

    @property
    def num_bytes(self) -> int:
        """Of the vectors: what a search reads, and about what the index takes."""
        return self._vectors.nbytes + self._word_vectors.nbytes

    @classmethod
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
        """Open the index of a text, built first if need be.

        It is found again by the content of text and model and by the layer. A damaged one in the cache is
        built anew.

        Args:
            embedder: the model.
            corpus: the text.
            directory: where it is or shall be; None for a place in ``$ELMOKIT_CACHE`` or the user's cache
                directory.
            layer: as for :meth:`build`.
            batch_size: as for :meth:`build`.
            on_tokens: as for :meth:`build`; not called when the index is there.
            on_clustered: as for :meth:`build`.

        Raises:
            ConfigError: when there is no such layer.
            CorpusError: when ``directory`` holds a damaged index, or one of another text, model or layer.
            MissingExtraError: as for :meth:`build`.
            OutputError: when the index cannot be written, or something else is in ``directory``.
            ElmokitError: when a vector is not finite.
        """
        number = _layer_number(embedder, layer)
        place = _place_in_cache(embedder, corpus, number) if directory is None else Path(directory)
        if is_index(place):
            try:
                index = cls.open(place, embedder)
                index._check_is_of(corpus, number, place)
                return index
            except CorpusError:
                if directory is not None:
                    raise
        elif place.exists() and not (place.is_dir() and not any(place.iterdir())):
            raise OutputError(f"{place}: is there already and no index of neighbors: name another directory")
        try:
            index = cls.build(
                embedder,
                corpus,
                place,
                layer=number,
                batch_size=batch_size,
                on_tokens=on_tokens,
                on_clustered=on_clustered,
            )
        except OutputError as error:
            if directory is not None:
                raise
            raise OutputError(
                f"{error}; name a directory with room for the index, or set ELMOKIT_CACHE to one"
            ) from error
        now = (place / "index.json").stat().st_mtime  # by the clock of the file system
        pattern = place.with_name("*") if directory is None else place
        clear_leftovers(pattern, unchanged_since=now - _LEFTOVER_SECONDS)
        return index

    def nearest(
        self, sentence: str | Sequence[str], word: str | int, k: int = 10, *, words: Words = "all"
    ) -> Nearest:
        """What is nearest to a word of a sentence, in context and without.

        Uses in the sentence itself are left out, should the text hold it, and a sentence that the text
        has several times counts once.

        Args:
            sentence: a list of tokens, or a plain string.
            word: its first occurrence; or its place, from 0, from the end if negative.
            k: uses and words to find.
            words: uses of ``all`` words, of the ``same`` word or of ``other`` words alone; capitals do
                not matter.

        Raises:
            ConfigError: when there is no such word or place, or ``k`` is not positive.
        """
        (tokens,) = tokenized([sentence])
        query = Use(tuple(tokens), 0, position_of(tokens, word))
        vectors = self.embedder.embed([tokens], self.layer)[0]
        token_vector = self.embedder.encode([query.word])[0].float().cpu().numpy()
        return Nearest(
            query,
            self.search(vectors[query.position], k, query=query, words=words),
            self.similar_words(token_vector, k, word=query.word),
        )

    def search(
        self, vector: np.ndarray, k: int = 10, *, query: Use | None = None, words: Words = "all"
    ) -> list[Neighbor]:
        """The uses whose vectors have the highest cosine similarity to a vector.

        Args:
            vector: (D,), of the index's layer.
            k: uses to find; fewer come only from a text that has no more.
            query: where the vector comes from: uses in its sentence are left out.
            words: uses of ``all`` words, or compared with the word of ``query`` those of the ``same`` word
                or of ``other`` words alone; capitals do not matter.

        Raises:
            ConfigError: when ``k`` is not positive.
            ElmokitError: when the vector is of another width or not finite.
        """
        unit = _unit_query(vector, self._vectors.shape[1], k)
        wanted = None
        if query is not None and words != "all":
            wanted = self._is_same_word(query.word) == (words == "same")  # (num_types,)
        if wanted is not None and words == "same":
            rows = np.flatnonzero(wanted[self.corpus.tokens])
            return self._distinct(self._ranked(unit, rows), k, query, wanted)
        if self._clusters is not None:
            found = self._distinct(self._ranked(unit, self._clusters.rows_near(unit)), k, query, wanted)
            if len(found) == k:
                return found
        return self._distinct(self._ranked(unit), k, query, wanted)

    def similar_words(self, vector: np.ndarray, k: int = 10, *, word: str | None = None) -> list[SimilarWord]:
        """The words of the text whose context-free vectors have the highest cosine similarity to a vector.

        Args:
            vector: (P,), from :meth:`ElmoEmbedder.encode`.
            k: words to find.
            word: to leave out, with capitals and without.

        Raises:
            ConfigError: when ``k`` is not positive.
            ElmokitError: when the vector is of another width or not finite.
        """
        unit = _unit_query(vector, self._word_vectors.shape[1], k)
        left_out = None if word is None else word.casefold()
        found = similarities(self._word_vectors, unit)
        similar: list[SimilarWord] = []
        for place in falling(found):
            other = self.corpus.types.word(NUM_BOUNDARY_TYPES + place)
            if other.casefold() != left_out:
                similar.append(SimilarWord(other, round(float(found[place]), 6)))
            if len(similar) == k:
                break
        return similar

    def _ranked(self, unit: np.ndarray, rows: np.ndarray | None = None) -> Iterator[tuple[int, float]]:
        """Rows, of all or of some, and their similarities to a unit vector, the highest first."""
        found = similarities(self._vectors, unit, rows)
        for place in falling(found):
            yield place if rows is None else int(rows[place]), round(float(found[place]), 6)

    def _distinct(
        self,
        ranked: Iterable[tuple[int, float]],
        k: int,
        query: Use | None,
        wanted: np.ndarray | None,
    ) -> list[Neighbor]:
        """The first k uses of ranked rows.

        Those in the query's sentence are left out, those in a sentence that the text repeats count once,
        and only the types that are wanted, (num_types,), count at all.
        """
        offsets, tokens = self.corpus.offsets, self.corpus.tokens
        neighbors: list[Neighbor] = []
        seen: set[tuple[bytes, int]] = set()
        for row, similarity in ranked:
            if wanted is not None and not wanted[tokens[row]]:
                continue
            number = int(np.searchsorted(offsets, row, side="right")) - 1
            start, stop = int(offsets[number]), int(offsets[number + 1])
            use = (tokens[start:stop].tobytes(), row - start)
            if use in seen:
                continue
            seen.add(use)
            sentence = self.corpus.words(number)
            if query is None or sentence != query.sentence:
                neighbors.append(Neighbor(Use(sentence, number, row - start), similarity))
            if len(neighbors) == k:
                break
        return neighbors

    def _is_same_word(self, word: str) -> np.ndarray:
        """Of each type: whether it is that word but for capitals, (num_types,)."""
        folded = word.casefold()
        types = self.corpus.types
        return np.fromiter((types.word(k).casefold() == folded for k in range(len(types))), bool, len(types))

    def _check_is_of(self, corpus: Corpus, layer: Layer, directory: Path) -> None:
        faults = []
        if self.corpus.fingerprint != corpus.fingerprint:
            faults.append("of another text, or the text has changed")
        if self.layer != layer:
            faults.append(f"of layer {self.layer}, not {layer}")
        if faults:
            raise CorpusError(
                f"{directory}: the index is {' and '.join(faults)}: "
                "name another directory, or delete this one"
            )


def _layer_number(embedder: ElmoEmbedder, layer: Layer) -> Layer:
    """``average``, or the number of a layer from 0."""
    if layer == "average":
        return layer
    number = embedder.num_layers - 1 if layer == "top" else layer
    if not isinstance(number, int) or not -embedder.num_layers <= number < embedder.num_layers:
        raise ConfigError(f"layer: expected top, average or 0 to {embedder.num_layers - 1}, got {layer!r}")
    return number % embedder.num_layers


def _place_in_cache(embedder: ElmoEmbedder, corpus: Corpus, layer: Layer) -> Path:
    key = json.dumps([FORMAT_VERSION, corpus.fingerprint, embedder.fingerprint, layer])
    return default_cache_dir() / "neighbors" / text_checksum(key)


def _unit_query(vector: np.ndarray, dim: int, k: int) -> np.ndarray:
    if k < 1:
        raise ConfigError(f"k: expected at least 1, got {k}")
    if vector.shape != (dim,):
        raise ElmokitError(f"vector: shape {vector.shape}, expected ({dim},) as in the index")
    if not np.isfinite(vector).all():
        raise ElmokitError(
            "vector: its numbers are not finite: the model is damaged or does not bear this word"
        )
    return unit_vectors(vector)
