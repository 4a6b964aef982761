"""The cache of token vectors."""

from __future__ import annotations

import pickle

import pytest
import torch

from elmokit.model.token_cache import TokenCache


class Encoder:
    """Encodes a word as its number, and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, words):
        self.calls.append(list(words))
        return torch.tensor([[float(word)] for word in words])


@pytest.fixture
def encode() -> Encoder:
    return Encoder()


def make(max_types: int = 100, **table: torch.Tensor) -> TokenCache:
    return TokenCache(table, max_types=max_types, device=torch.device("cpu"))


def test_each_word_type_is_encoded_once(encode):
    cache = make()
    assert cache.vectors(["1", "2", "1"], encode).tolist() == [[1.0], [2.0], [1.0]]
    assert cache.vectors(["2", "3"], encode).tolist() == [[2.0], [3.0]]
    assert cache.vectors(["3", "1"], encode).tolist() == [[3.0], [1.0]]
    assert encode.calls == [["1", "2"], ["3"]]


def test_it_is_emptied_when_it_would_hold_too_much(encode):
    cache = make(max_types=3)
    cache.vectors(["1", "2"], encode)
    cache.vectors(["2", "3"], encode)
    assert len(cache) == 3
    assert cache.vectors(["3", "4"], encode).tolist() == [[3.0], [4.0]]
    assert len(cache) == 2
    assert encode.calls == [["1", "2"], ["3"], ["3", "4"]]
    assert cache.vectors(list("56789"), encode).tolist() == [[5.0], [6.0], [7.0], [8.0], [9.0]]


def test_the_table_is_used_first(encode):
    cache = make(cat=torch.tensor([7.0]))
    assert cache.vectors(["1", "cat", "2"], encode).tolist() == [[1.0], [7.0], [2.0]]
    assert encode.calls == [["1", "2"]]
    assert cache.vectors(["cat"], encode).tolist() == [[7.0]]


def test_it_is_emptied_when_the_parameters_change(encode):
    cache = make()
    cache.vectors(["1", "2"], encode, ((1, 2, 3, 4),))
    cache.vectors(["1"], encode, ((1, 2, 3, 4),))
    cache.vectors(["1"], encode, ((1, 2, 4, 4),))
    assert encode.calls == [["1", "2"], ["1"]]
    assert len(cache) == 1


def test_what_was_returned_is_not_changed_by_what_comes_later(encode):
    cache = make(max_types=3)
    first = cache.vectors(["1", "2"], encode)
    cache.vectors(["3"], encode)
    cache.vectors(["4"], encode)
    assert first.tolist() == [[1.0], [2.0]]


def test_vectors_are_not_pickled(encode):
    cache = make()
    cache.vectors([str(k) for k in range(50)], encode)
    assert len(pickle.loads(pickle.dumps(cache))) == 0
