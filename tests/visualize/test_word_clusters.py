"""Clusters of words, on vectors whose clusters are known."""

from __future__ import annotations

import numpy as np

from elmokit.data.occurrences import find_occurrences
from elmokit.visualize.word_clusters import find_clusters

VERBS, NOUNS, MARKS = ["was", "is", "has", "was"], ["man", "house", "man"], [".", "?", "."]


def test_clusters_are_found_and_named_by_their_most_typical_words():
    words = (VERBS + NOUNS + MARKS) * 24  # 240 words: 4 clusters, of which one kind has two
    kinds = np.array([0] * 4 + [1] * 3 + [2] * 3)[np.arange(len(words)) % 10]
    vectors = np.eye(8)[kinds] + 0.05 * np.random.default_rng(0).normal(size=(len(words), 8))
    names = find_clusters(vectors, find_occurrences([[word] for word in words]))
    assert len(names) == len(words)
    assert names == find_clusters(vectors, find_occurrences([[word] for word in words]))
    assert 3 <= len(set(names)) <= 4
    for kind, members in enumerate((VERBS, NOUNS, MARKS)):
        own = {name for name, number in zip(names, kinds, strict=True) if number == kind}
        assert not own & {name for name, number in zip(names, kinds, strict=True) if number != kind}
        assert any(set(name.split(" · ")) <= set(members) for name in own)


def test_few_words_and_equal_words_are_one_cluster():
    few = find_occurrences([["a", "b", "c"]])
    assert len(set(find_clusters(np.eye(3), few))) == 1
    same = find_occurrences([["a"]] * 100)
    assert set(find_clusters(np.ones((100, 4)), same)) == {"a"}
