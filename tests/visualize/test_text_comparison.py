"""Two texts, on vectors whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.occurrences import find_occurrences
from elmokit.visualize.text_comparison import compare_texts

NAMES = ("a.txt", "b.txt")


def test_a_word_that_is_used_differently_comes_first():
    sentences = [["left", "same"]] * 20
    occurrences = find_occurrences(sentences)
    is_second = np.array([occurrence.sentence_index >= 10 for occurrence in occurrences])
    is_left = np.array([occurrence.word == "left" for occurrence in occurrences])
    angle = np.where(is_left & is_second, np.pi / 3, 0.0)
    angle = angle + 0.01 * np.random.default_rng(0).normal(size=len(angle))
    vectors = 5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    found = compare_texts(vectors, occurrences, is_second, NAMES)
    left, same = found.words
    assert (left.word, left.counts) == ("left", (10, 10))
    assert left.change == pytest.approx(0.5, abs=0.01)  # 1 - cos 60 degrees
    assert left.chance < 0.1
    assert same.change == pytest.approx(0, abs=0.001)
    assert found.senses == ()
    assert found.unusual == ((), ())
    assert found == compare_texts(vectors, occurrences, is_second, NAMES)


def test_one_word_has_senses_and_unusual_occurrences():
    occurrences = find_occurrences([["right", str(k)] for k in range(8)], ["right"])
    is_second = np.arange(8) >= 4
    vectors = np.array([[1.0, 0], [1, 0], [1, 0.1], [0, 1], [1, 0], [1, 0], [1, 0], [-1, 0]])
    senses = ["vote", "vote", "vote", "now", "vote", "vote", "vote", "now"]
    found = compare_texts(vectors, occurrences, is_second, NAMES, senses=senses)
    assert [(sense.name, sense.counts) for sense in found.senses] == [("vote", (3, 3)), ("now", (1, 1))]
    first, second = found.unusual
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = units @ units.T
    assert (first[0].point, second[0].point) == (3, 7)
    assert [one.point for one in first] == sorted(range(4), key=lambda k: similarity[k, 4:].mean())
    assert second[0].similarity == pytest.approx(similarity[7, :4].mean(), abs=1e-5)
    (change,) = found.words
    assert change.point == 7


def test_rare_words_and_words_of_one_text_are_left_out():
    occurrences = find_occurrences([["a", "b", "c"], ["a", "b"], ["a", "b"], ["a"], ["a"], ["a", "c"]])
    is_second = np.array([occurrence.sentence_index >= 3 for occurrence in occurrences])
    vectors = np.random.default_rng(0).normal(size=(len(occurrences), 4))
    found = compare_texts(vectors, occurrences, is_second, NAMES)
    assert [change.word for change in found.words] == ["a"]
    assert found.to_json()["words"][0]["counts"] == (3, 3)
