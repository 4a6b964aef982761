"""What differs between two typed texts, computed again from the definitions."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.occurrences import find_occurrences
from elmokit.explorer.differences import text_differences

FIRST = [["the", "right", "to", "vote"], ["a", "right", "to", "work"], ["the", "right", "to", "speak"]]
SECOND = [["right", "to", "now"], ["turn", "right", "to", "it"], ["right", "to", "the", "end"]]
OCCURRENCES = find_occurrences(FIRST + SECOND)
VECTORS = np.random.default_rng(1).normal(size=(len(OCCURRENCES), 6)).astype(np.float32)
UNITS = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)


def points_of(word: str, *, second: bool) -> list[int]:
    return [
        k
        for k, one in enumerate(OCCURRENCES)
        if one.word == word and (one.sentence_index >= len(FIRST)) == second
    ]


def distance(word: str) -> float:
    first, second = (UNITS[points_of(word, second=side)].mean(axis=0) for side in (False, True))
    return float(1 - first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_the_selected_word_comes_first_and_points_are_those_of_both_texts():
    index = points_of("right", second=True)[1]
    found = text_differences(VECTORS, OCCURRENCES, len(FIRST), index)
    assert [change.word for change in found.words] == ["right", "to"]  # three times in each text
    for change in found.words:
        assert change.counts == (3, 3)
        assert change.change == pytest.approx(distance(change.word), abs=1e-5)
    for side, own in enumerate(found.unusual):
        others = points_of("right", second=not side)
        expected = {
            k: float((UNITS[k] @ UNITS[others].T).mean()) for k in points_of("right", second=bool(side))
        }
        assert [odd.point for odd in own] == sorted(expected, key=expected.__getitem__)
        assert [odd.similarity for odd in own] == pytest.approx(sorted(expected.values()), abs=1e-5)
    assert OCCURRENCES[found.words[0].point].word == "right"


def test_a_rare_word_is_compared_if_it_is_selected():
    found = text_differences(VECTORS, OCCURRENCES, len(FIRST), points_of("the", second=True)[0])
    assert (found.words[0].word, found.words[0].counts) == ("the", (2, 1))


def test_a_word_of_one_text_leaves_the_others():
    found = text_differences(VECTORS, OCCURRENCES, len(FIRST), points_of("vote", second=False)[0])
    assert sorted(change.word for change in found.words) == ["right", "to"]
    assert found.unusual == ((), ())
