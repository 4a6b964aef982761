"""Clusters of all words of a map, named by their most typical words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from elmokit.data.occurrences import Occurrence
from elmokit.errors import MissingExtraError
from elmokit.neighbors.cosine import unit_vectors
from elmokit.viewer.map_data import MAX_GROUPS
from elmokit.visualize.group_names import names_of_groups
from elmokit.visualize.senses import by_size

MIN_WORDS = 60
"""Fewer words are not clustered: they can all be labeled."""
_WORDS_IN_NAME = 3
_SAMPLE = 4000  # words that the centers are computed from


def find_clusters(vectors: np.ndarray, occurrences: Sequence[Occurrence], *, seed: int = 0) -> list[str]:
    """Return a name of the cluster of each word, for example ``was · is · has``.

    The clusters are those of k-means on unit vectors. Their number grows with the square root of the number
    of words, up to 21. A cluster is named by the words that are frequent in it, but not elsewhere
    (:func:`~elmokit.visualize.group_names.names_of_groups`), or if it has none, by its most frequent marks.

    Args:
        vectors: (N, D)
        occurrences: N words.
        seed: random seed of k-means and of the sample that the centers are computed from.

    Raises:
        MissingExtraError: if scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError("coloring by cluster", "plot") from error
    units = unit_vectors(vectors)
    number = min(MAX_GROUPS, round(np.sqrt(len(units)) / 4), len(np.unique(units, axis=0)))
    groups = np.zeros(len(units), dtype=int)
    if len(units) >= MIN_WORDS and number > 1:
        sample = units
        if len(units) > _SAMPLE:
            sample = units[np.random.default_rng(seed).choice(len(units), _SAMPLE, replace=False)]
        with threadpool_limits(1):  # the order of summation is then always the same
            groups = by_size(KMeans(number, n_init=1, random_state=seed).fit(sample).predict(units))
    own = [{occurrence.word} for occurrence in occurrences]
    lettered = [{word for word in words if any(map(str.isalnum, word))} for words in own]
    frequent = [
        " · ".join(
            word for word, _ in Counter(_words_of(occurrences, groups == group)).most_common(_WORDS_IN_NAME)
        )
        for group in range(int(groups.max(initial=0)) + 1)
    ]
    names = names_of_groups(groups, lettered, lettered, frequent, num_words=_WORDS_IN_NAME)
    return [names[group] for group in groups]


def _words_of(occurrences: Sequence[Occurrence], chosen: np.ndarray) -> list[str]:
    return [occurrences[k].word for k in np.flatnonzero(chosen).tolist()]
