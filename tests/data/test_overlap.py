"""Repeated sentences, compared with sets of tuples."""

from __future__ import annotations

import random

import pytest

from elmokit.data import overlap
from elmokit.data.corpus import Corpus
from elmokit.data.overlap import count_repeated_sentences


@pytest.mark.parametrize("tokens_at_a_time", [1, 5, 1 << 22])
def test_equals_sets(tokens_at_a_time, monkeypatch):
    monkeypatch.setattr(overlap, "_TOKENS_AT_A_TIME", tokens_at_a_time)
    rng = random.Random(0)

    def sentences(number: int, num_words: int) -> list[list[str]]:
        return [[f"w{rng.randrange(num_words)}" for _ in range(rng.randrange(5))] for _ in range(number)]

    text, other = sentences(80, 4), sentences(200, 3)
    expected = sum(bool(sentence) and sentence in other for sentence in text)
    assert 0 < expected < sum(map(bool, text))
    assert count_repeated_sentences(Corpus.from_sentences(text), Corpus.from_sentences(other)) == expected


def test_order_and_unknown_words_matter():
    other = Corpus.from_sentences([["a", "b"], ["b", "b", "a"]])
    assert count_repeated_sentences(Corpus.from_sentences([["b", "a"]]), other) == 0
    assert count_repeated_sentences(Corpus.from_sentences([["x", "y"], ["x"]]), other) == 0
    assert count_repeated_sentences(Corpus.from_sentences([["a", "b"], ["a", "b"], ["a"]]), other) == 2
