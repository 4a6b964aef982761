"""Groups of occurrences, on vectors whose groups are known."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.occurrences import find_occurrences
from elmokit.visualize import group_names
from elmokit.visualize.senses import central_points, find_senses

VOTE = "in this land the right to vote is for all"
NOW = "the work that all do right now is for all"
AWAY = "let the senate of all go right away for all"


def _case(sentences: list[str]) -> tuple[np.ndarray, list]:
    """Vectors near the axis of each sentence, and the occurrences of "right"."""
    occurrences = find_occurrences(sentences, ["right"])
    distinct = sorted(set(sentences))
    axes = np.eye(8)[[distinct.index(sentence) for sentence in sentences]]
    return axes + 0.05 * np.random.default_rng(0).normal(size=axes.shape), occurrences


def test_groups_and_names():
    sentences = [VOTE] * 12 + [NOW] * 9 + [AWAY] * 6
    names = find_senses(*_case(sentences))
    assert len(names) == len(sentences)
    by_sentence = {
        sentence: {name for own, name in zip(sentences, names, strict=True) if own == sentence}
        for sentence in set(sentences)
    }
    assert all(len(found) == 1 for found in by_sentence.values())
    (vote,), (now,), (away,) = (by_sentence[sentence] for sentence in (VOTE, NOW, AWAY))
    for name, sentence in zip((vote, now, away), (VOTE, NOW, AWAY), strict=True):
        assert set(name.split(" · ")) <= set(sentence.split())
    assert len({vote, now, away}) == 3
    assert not any({"the", "all"} & set(name.split(" · ")) for name in names)  # they are in every sentence


def test_one_use_is_one_group():
    vectors, occurrences = _case([VOTE] * 20)
    assert len(set(find_senses(np.ones_like(vectors), occurrences))) == 1
    assert len(set(find_senses(vectors[:5], occurrences[:5]))) == 1


def test_a_group_without_a_typical_word_is_named_by_its_most_central_occurrence():
    # "to" is in every sentence, and no other word is beside "right" twice.
    vote = [f"{letter} right to {letter}" for letter in "abcdefghijkl"]
    now = [f"to {letter} all the people right now" for letter in "mnopqrstu"]
    occurrences = find_occurrences(vote + now, ["right"])
    vectors = np.eye(8)[[0] * len(vote) + [1] * len(now)]
    vectors = vectors + 0.05 * np.random.default_rng(0).normal(size=vectors.shape)
    names = find_senses(vectors, occurrences)
    units = vectors[:12] / np.linalg.norm(vectors[:12], axis=1, keepdims=True)
    central = "abcdefghijkl"[int(np.argmax(units @ units.mean(axis=0)))]
    assert set(names[:12]) == {f"{central} right to"}
    (other,) = set(names[12:])
    assert set(other.split(" · ")) < {"all", "the", "people", "now"}


def test_the_same_seed_gives_the_same_groups():
    case = _case([VOTE, NOW, AWAY] * 6)
    assert find_senses(*case, seed=3) == find_senses(*case, seed=3)


def test_names_are_distinct(monkeypatch):
    monkeypatch.setattr(group_names, "_LEAST_COUNT", 99)  # no word is frequent enough
    assert set(find_senses(*_case([VOTE] * 12 + [NOW] * 9))) == {"the right to", "do right now"}
    vectors, occurrences = _case([VOTE] * 12 + [NOW] * 9)
    same = [occurrences[0]] * len(occurrences)
    assert set(find_senses(vectors, same)) == {"the right to", "group 2"}


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_vectors(value):
    _, occurrences = _case([VOTE] * 15)
    assert len(set(find_senses(np.full((15, 4), value), occurrences))) == 1


def test_the_most_central_point_of_each_group():
    vectors = np.array([[1.0, 0.2], [1, 0], [1, -0.1], [0, 9], [0.3, 1], [2, 2]])
    assert central_points(vectors, ["a", "a", "a", "b", "b", "c"]) == {"a": 1, "b": 3, "c": 5}
    assert central_points(np.zeros((2, 3)), ["x", "x"]) == {"x": 0}
