"""Groups of occurrences of a word that are used alike, named by the words around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.data.occurrences import Occurrence
from elmokit.errors import MissingExtraError
from elmokit.neighbors.cosine import unit_vectors
from elmokit.visualize.group_names import names_of_groups

MIN_OCCURRENCES = 12
"""Fewer occurrences are one group."""
_MAX_GROUPS = 6
_LEAST_SILHOUETTE = 0.05  # below this, the occurrences do not part into groups
_CONTEXT = 3  # words on either side from which a name is taken
_WORDS_IN_NAME = 2
_SAMPLE = 2000  # occurrences that the number of groups is chosen from


def find_senses(vectors: np.ndarray, occurrences: Sequence[Occurrence], *, seed: int = 0) -> list[str]:
    """Return a name of the group of each occurrence.

    The groups are those of k-means on unit vectors. Their number is the one with the highest mean silhouette
    (Rousseeuw 1987). A group is named by words that are frequent near its occurrences, but not near others
    (:func:`~elmokit.visualize.group_names.names_of_groups`), or if there are none, by its most central
    occurrence with the words beside it.

    Args:
        vectors: (N, D) of the occurrences.
        occurrences: N occurrences of one word or of several.
        seed: random seed of k-means.

    Returns:
        N names, such as ``vote · citizen``; all the same if the occurrences do not part into groups.

    Raises:
        MissingExtraError: if scikit-learn is not installed.
    """
    groups = np.zeros(len(occurrences), dtype=int)
    if len(occurrences) >= MIN_OCCURRENCES:
        groups = _groups(vectors, seed)
    near = [_words(occurrence, _CONTEXT) for occurrence in occurrences]
    whole = [_words(occurrence, len(occurrence.sentence)) for occurrence in occurrences]
    central = central_points(vectors, [str(group) for group in groups])
    phrases = [_phrase(occurrences[central[str(group)]]) for group in range(int(groups.max(initial=0)) + 1)]
    names = names_of_groups(groups, near, whole, phrases, num_words=_WORDS_IN_NAME)
    return [names[group] for group in groups]


def central_points(vectors: np.ndarray, groups: Sequence[str]) -> dict[str, int]:
    """Return the index of the most central vector of each group: the nearest to the mean of the unit vectors.

    Args:
        vectors: (N, D)
        groups: N names.
    """
    units, names = unit_vectors(vectors), np.asarray(groups, dtype=object)
    central = {}
    for name in dict.fromkeys(groups):
        members = np.flatnonzero(names == name)
        own = units[members]
        central[name] = int(members[np.argmax(np.round(own @ own.mean(axis=0), 6))])
    return central


def _groups(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Return the number of the group of each vector, the largest group first."""
    try:
        from sklearn.cluster import KMeans
        from sklearn.metrics import silhouette_score
    except ImportError as error:
        raise MissingExtraError("coloring by sense", "plot") from error
    units = unit_vectors(vectors)
    best, groups = _LEAST_SILHOUETTE, np.zeros(len(units), dtype=int)
    if len(np.unique(units, axis=0)) <= _MAX_GROUPS:
        return groups
    for number in range(2, _MAX_GROUPS + 1):
        found = KMeans(number, n_init=5, random_state=seed).fit_predict(units)
        size = min(len(units), _SAMPLE)
        score = silhouette_score(units, found, metric="cosine", sample_size=size, random_state=seed)
        if score > best:
            best, groups = score, found
    return by_size(groups)


def by_size(groups: np.ndarray) -> np.ndarray:
    """Renumber groups so that 0 is the largest."""
    order = np.argsort(-np.bincount(groups), kind="stable")
    ordered: np.ndarray = np.argsort(order)[groups]
    return ordered


def _words(occurrence: Occurrence, num_near: int) -> set[str]:
    """Return the distinct words at most ``num_near`` positions from an occurrence, without its own."""
    position, sentence = occurrence.position, occurrence.sentence
    near = sentence[max(0, position - num_near) : position + 1 + num_near]
    own = occurrence.word.lower()
    return {word for word in near if any(map(str.isalpha, word)) and word.lower() != own}


def _phrase(occurrence: Occurrence) -> str:
    """Return an occurrence with a word on either side."""
    position = occurrence.position
    return " ".join(occurrence.sentence[max(0, position - 1) : position + 2])
