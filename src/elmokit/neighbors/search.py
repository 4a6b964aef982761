"""Find the occurrences and the words of a text that are nearest to a vector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import numpy as np

from elmokit.data.occurrences import Occurrence
from elmokit.data.word_types import NUM_BOUNDARY_TYPES
from elmokit.errors import CorpusError
from elmokit.neighbors.content import IndexContent
from elmokit.neighbors.cosine import descending, similarities
from elmokit.neighbors.results import Neighbor, SimilarWord
from elmokit.neighbors.row_checksums import check_rows

_LARGEST_SIMILARITY = 1.01  # of unit vectors in half precision

Words: TypeAlias = Literal["all", "same", "other"]


def nearest_occurrences(
    content: IndexContent, unit: np.ndarray, k: int, *, query: Occurrence | None, words: Words
) -> list[Neighbor]:
    """Return the occurrences whose contextual vectors are most similar to a unit vector.

    Args:
        content: the index to search.
        unit: (D,) float32 unit vector.
        k: maximum number of occurrences.
        query: the occurrence that the vector comes from; occurrences in the same sentence are left out.
        words: whether to return ``all`` words, or only the ``same`` word as in ``query``, or only ``other``
            words; case is ignored.
    """
    wanted = None
    if query is not None and words != "all":
        wanted = _is_word(content, query.word) == (words == "same")  # (num_types,)
    if wanted is not None and words == "same":
        rows = np.flatnonzero(wanted[content.corpus.tokens])
        return _distinct(content, _ranked(content, unit, rows), k, query, wanted)
    if content.clusters is not None:
        ranked = _ranked(content, unit, content.clusters.rows_near(unit))
        found = _distinct(content, ranked, k, query, wanted)
        if len(found) == k:
            return found
    return _distinct(content, _ranked(content, unit), k, query, wanted)


def nearest_words(
    content: IndexContent, unit: np.ndarray, k: int, *, exclude: str | None
) -> list[SimilarWord]:
    """Return the words whose context-free vectors are most similar to a unit vector.

    Args:
        content: the index to search.
        unit: (P,) float32 unit vector.
        k: maximum number of words.
        exclude: a word to leave out, however it is capitalized.
    """
    excluded = None if exclude is None else exclude.casefold()
    found = _checked(similarities(content.word_vectors, unit))
    words: list[SimilarWord] = []
    for row in descending(found):
        word = content.corpus.types.word(NUM_BOUNDARY_TYPES + row)
        if word.casefold() != excluded:
            words.append(SimilarWord(word, round(float(found[row]), 6)))
        if len(words) == k:
            break
    return words


def _ranked(
    content: IndexContent, unit: np.ndarray, rows: np.ndarray | None = None
) -> Iterator[tuple[int, float]]:
    """Yield rows, by default all, and their similarities to a unit vector, the highest first."""
    checksums = content.checksums
    check = None if checksums is None else lambda units, own: check_rows(units, checksums[own])
    found = _checked(similarities(content.vectors, unit, rows, check=check))
    for index in descending(found):
        yield index if rows is None else int(rows[index]), round(float(found[index]), 6)


def _checked(found: np.ndarray) -> np.ndarray:
    """Return similarities, unless they show that the vectors of an index with right checksums are wrong."""
    if not (np.abs(found) <= _LARGEST_SIMILARITY).all():  # not for NaN either
        raise CorpusError(
            "damaged neighbor index: it holds vectors that are not finite unit vectors: delete its directory "
            "and build it again"
        )
    return found


def _distinct(
    content: IndexContent,
    ranked: Iterable[tuple[int, float]],
    k: int,
    query: Occurrence | None,
    wanted: np.ndarray | None,
) -> list[Neighbor]:
    """Return the first k distinct occurrences among ranked rows.

    Occurrences in the query's sentence are left out, and a sentence that the text repeats counts once. If
    ``wanted`` (num_types,) is given, only the types that it marks count.
    """
    offsets, tokens = content.corpus.offsets, content.corpus.tokens
    neighbors: list[Neighbor] = []
    seen: set[tuple[bytes, int]] = set()
    for row, similarity in ranked:
        if wanted is not None and not wanted[tokens[row]]:
            continue
        line = int(np.searchsorted(offsets, row, side="right")) - 1
        start, stop = int(offsets[line]), int(offsets[line + 1])
        key = (tokens[start:stop].tobytes(), row - start)
        if key in seen:
            continue
        seen.add(key)
        sentence = content.corpus.words(line)
        if query is None or sentence != query.sentence:
            neighbors.append(Neighbor(Occurrence(sentence, line, row - start), similarity))
        if len(neighbors) == k:
            break
    return neighbors


def _is_word(content: IndexContent, word: str) -> np.ndarray:
    """Return for each type (num_types,) whether it is this word, ignoring case."""
    folded = word.casefold()
    types = content.corpus.types
    return np.fromiter(
        (types.word(type_id).casefold() == folded for type_id in range(len(types))), bool, len(types)
    )
