"""Words in context as points of a map."""

from __future__ import annotations

import pytest

from elmokit.errors import ConfigError, ElmokitError
from elmokit.neighbors.cosine import unit_vectors
from elmokit.visualize.interactive_map import InteractiveMap
from elmokit.visualize.occurrence_vectors import embed_occurrences
from elmokit.visualize.word_clusters import find_clusters
from elmokit.visualize.word_map import map_words


def test_a_word_is_shown_in_its_context(embedder, sentences):
    word_map = map_words(embedder, sentences, words=["play"], method="pca")
    assert word_map.texts == ["… attending the play", "… during the play"]
    assert word_map.groups is None
    assert map_words(embedder, sentences, words=["play", "is"], method="pca").groups == [
        "is",
        "play",
        "is",
        "play",
    ]


def test_labels_are_those_of_the_sentences(embedder, sentences):
    sentences, labels = [sentences[2], "", sentences[4]], ["noun", "none", "event"]
    word_map = map_words(embedder, sentences, words=["play"], method="pca", labels=labels)
    assert word_map.groups == ["noun", "event"]
    with pytest.raises(ConfigError, match="labels: expected one for each of 3 sentences, got 1"):
        map_words(embedder, sentences, labels=["noun"])
    with pytest.raises(ConfigError, match="no labels given"):
        map_words(embedder, sentences, color_by="label")


def test_arguments_are_checked(embedder, sentences):
    for arguments, message in (
        ({"layer": "all"}, "a map shows one layer"),
        ({"layer": 9}, "layers: expected all, top, average or 0 to 2, got 9"),
        ({"color_by": "size"}, "color_by: expected sentence, word, label, sense or cluster, got 'size'"),
        ({"max_points": 0}, "max_points: expected at least 1"),
        ({"words": ["plays"]}, "none of the words occurs in the text: plays"),
    ):
        with pytest.raises(ElmokitError, match=message):
            map_words(embedder, sentences, **arguments)
    with pytest.raises(ElmokitError, match="the single string"):
        map_words(embedder, sentences[0])


def test_a_map_of_many_words_shows_clusters(embedder, sentences):
    many = [[*sentence.split(), *other.split()] for sentence in sentences for other in sentences]
    word_map = map_words(embedder, many, method="pca", every_layer=True)
    expected = find_clusters(embed_occurrences(embedder, word_map.occurrences, "top"), word_map.occurrences)
    assert word_map.groups == expected
    assert len(set(expected)) > 1
    assert set(word_map.central) == set(expected)
    assert map_words(embedder, many, method="pca").groups == expected
    assert map_words(embedder, many, method="pca", color_by="cluster").groups == expected
    assert map_words(embedder, sentences, method="pca", every_layer=True).groups is not None  # the sentences


def test_two_texts_are_compared(embedder, sentences):
    text, labels = [sentences[2], sentences[4], sentences[3]], ["a.txt", "b.txt", "b.txt"]
    how = {"method": "pca", "labels": labels, "texts": ("a.txt", "b.txt")}
    word_map = map_words(embedder, text, words=["play"], **how)
    assert word_map.groups == ["a.txt", "b.txt"]
    (change,) = word_map.comparison.words
    first, second = unit_vectors(embed_occurrences(embedder, word_map.occurrences, "top"))
    assert (change.word, change.counts, change.point) == ("play", (1, 1), 1)
    assert change.change == pytest.approx(1 - float(first @ second), abs=1e-5)


def test_many_words_are_sampled_and_the_caption_says_so(embedder, sentences):
    word_map = map_words(embedder, sentences, method="pca", max_points=20)
    assert len(word_map.occurrences) == 20
    assert word_map.caption == "PCA, top layer, 20 of 31 words"


def test_a_frequent_text_is_labeled_only_a_few_times(random_map):
    word_map = random_map(40)
    word_map.texts[:] = ["the"] * 30 + word_map.texts[30:]
    order = word_map.by_importance
    assert order[:10] == [*range(30, 40)]
    assert len(order) == 18


def test_old_names_still_work(random_map):
    word_map = random_map(3)
    with pytest.warns(DeprecationWarning, match="use occurrences"):
        assert word_map.uses == word_map.occurrences


def test_a_map_is_shown_in_a_line_however_many_points_it_has(random_map):
    """A notebook keeps what is shown beside the picture."""
    assert (
        repr(InteractiveMap(random_map(500)))
        == "InteractiveMap(map=WordMap('Words in context', num_points=500, 'a map'))"
    )
