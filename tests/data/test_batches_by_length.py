"""Batches of similar length, and results in the order of the sentences."""

from __future__ import annotations

import random

import pytest

from elmokit.data.batches_by_length import batches_by_length
from elmokit.errors import ConfigError


def _sentences(seed: int, num_sentences: int = 50, max_length: int = 30) -> list[list[str]]:
    rng = random.Random(seed)
    return [[f"{k}"] * rng.randrange(max_length) for k in range(num_sentences)]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("read_ahead_batches", [1, 2, 16])
def test_results_are_in_the_order_of_the_sentences(batch_size, read_ahead_batches):
    sentences = _sentences(1)
    batches: list[list[list[str]]] = []

    def run(batch: list[list[str]]) -> list[str]:
        batches.append(batch)
        return [" ".join(sentence) for sentence in batch]

    results = batches_by_length(iter(sentences), run, batch_size, read_ahead_batches=read_ahead_batches)
    assert list(results) == [" ".join(sentence) for sentence in sentences]
    assert max(map(len, batches)) == min(batch_size, len(sentences))
    lengths = [len(sentence) for batch in batches for sentence in batch]
    step = batch_size * read_ahead_batches
    for start in range(0, len(sentences), step):
        expected = [len(sentence) for sentence in sentences[start : start + step]]
        assert lengths[start : start + step] == sorted(expected, reverse=True)


@pytest.mark.parametrize(("read_ahead_batches", "num_expected"), [(1, 4), (3, 12)])
def test_sentences_are_read_as_results_are_taken(read_ahead_batches, num_expected):
    num_read = 0

    def endless():
        nonlocal num_read
        while True:
            num_read += 1
            yield ["the", "cat"]

    results = batches_by_length(endless(), lambda batch: batch, 4, read_ahead_batches=read_ahead_batches)
    assert num_read == 0
    next(results)
    assert num_read == num_expected


def test_tokens_of_a_batch_and_of_what_is_read_ahead_are_bounded():
    sentences = [["w"] * 5000, ["w"] * 3000, *[["w"] * 2000] * 9]
    batches: list[list[int]] = []
    num_read, num_taken = 0, 0

    def read():
        nonlocal num_read
        for sentence in sentences:
            num_read += 1
            assert sum(map(len, sentences[num_taken : num_read - 1])) < 16_384
            yield sentence

    def run(batch: list[list[str]]) -> list[int]:
        batches.append([len(sentence) for sentence in batch])
        return batches[-1]

    for _ in batches_by_length(read(), run, 64):
        num_taken += 1
    assert num_taken == len(sentences)
    assert all(len(batch) * max(batch) <= 8192 for batch in batches)
    assert max(map(len, batches)) == 4


def test_batch_size_must_be_positive():
    with pytest.raises(ConfigError, match=r"batch_size: expected at least 1, got 0"):
        batches_by_length(iter([]), lambda batch: batch, 0)
