"""Occurrences of words in sentences."""

from __future__ import annotations

from collections import Counter

import pytest

from elmokit.data.occurrences import Occurrence, find_occurrences, sample_occurrences, sample_words
from elmokit.errors import ElmokitError

SENTENCES = ["the play was long", "", "children play the guitar"]


def test_every_word_is_an_occurrence():
    occurrences = find_occurrences(SENTENCES)
    assert [(found.word, found.sentence_index, found.position) for found in occurrences] == [
        ("the", 0, 0), ("play", 0, 1), ("was", 0, 2), ("long", 0, 3),
        ("children", 2, 0), ("play", 2, 1), ("the", 2, 2), ("guitar", 2, 3),
    ]  # fmt: skip


def test_only_the_given_words_are_found():
    occurrences = find_occurrences(SENTENCES, ["play"])
    assert [occurrence.bracketed() for occurrence in occurrences] == [
        "the [play] was long",
        "children [play] the guitar",
    ]


def test_a_word_that_does_not_occur_is_an_error():
    with pytest.raises(ElmokitError, match="none of the words occurs in the text: guitars, plays"):
        find_occurrences(SENTENCES, ["plays", "guitars"])
    with pytest.raises(ElmokitError, match="the text has no words"):
        find_occurrences(["", []])
    with pytest.raises(ElmokitError, match="the single string"):
        find_occurrences("the play was long")


def test_an_occurrence_is_shown_with_some_context():
    assert Occurrence(("a", "b", "c", "d", "e"), 0, 2).bracketed(1) == "b [c] d"
    assert Occurrence(("a", "b"), 0, 0).bracketed(1) == "[a] b"


def test_a_sample_depends_on_the_seed_and_keeps_the_order():
    occurrences = find_occurrences(SENTENCES)
    some = sample_occurrences(occurrences, 4, seed=1)
    assert len(some) == 4
    indices = [occurrences.index(occurrence) for occurrence in some]
    assert indices == sorted(indices)
    assert sample_occurrences(occurrences, 4, seed=1) == some
    assert any(sample_occurrences(occurrences, 4, seed) != some for seed in range(2, 5))
    assert sample_occurrences(occurrences, 8, seed=1) == occurrences


def test_a_sample_of_words_is_made_of_whole_sentences():
    sentences = [[f"{k}.{position}" for position in range(5)] for k in range(40)]
    words, total = sample_words(sentences, 52, seed=1)
    assert (len(words), total) == (52, 200)
    assert words == sorted(words, key=lambda word: (word.sentence_index, word.position))
    counts = Counter(word.sentence_index for word in words)
    assert sorted(counts.values()) == [2] + [5] * 10
    assert [word.word for word in words] == [f"{w.sentence_index}.{w.position}" for w in words]
    assert sample_words(sentences, 52, seed=1)[0] == words
    assert sample_words(sentences, 52, seed=2)[0] != words
    assert sample_words(sentences, 200, seed=1) == (find_occurrences(sentences), 200)
    with pytest.raises(ElmokitError, match="the text has no words"):
        sample_words([[]], 5, seed=1)


def test_old_names_still_work():
    occurrence = Occurrence(("a", "b"), 3, 0)
    with pytest.warns(DeprecationWarning, match="use sentence_index"):
        assert occurrence.number == 3
    with pytest.warns(DeprecationWarning, match="use bracketed"):
        assert occurrence.shown(1) == "[a] b"


def test_a_word_that_is_nearly_in_the_text_is_asked_for():
    with pytest.raises(ElmokitError, match=r"occurs in the text: guitras: did you mean guitars\?$"):
        find_occurrences(["the guitars play", "on"], ["guitras"])
