from __future__ import annotations

import pytest

from elmokit.data.corpus import Corpus
from elmokit.data.sentence_order import SentenceOrder

LINES = [[], ["a"], ["b", "c"], [], ["d"], ["e"], ["f"], []]


def order(*, shuffle: bool = True, keep: bool = False, **settings) -> SentenceOrder:
    corpus = Corpus.from_sentences(LINES)
    return SentenceOrder(corpus, shuffle=shuffle, keep_blank_lines=keep, **{"seed": 3, **settings})


def take(sentences: SentenceOrder, number: int) -> list[int]:
    return [next(sentences) for _ in range(number)]


def test_without_shuffle_the_sentences_are_in_the_order_of_the_text():
    assert take(order(shuffle=False), 10) == [1, 2, 4, 5, 6, 1, 2, 4, 5, 6]
    assert take(order(shuffle=False, keep=True), 9) == [0, 1, 2, 3, 4, 5, 6, 7, 0]


@pytest.mark.parametrize(("keep", "expected"), [(False, [1, 2, 4, 5, 6]), (True, list(range(8)))])
def test_each_epoch_has_every_sentence_once_in_a_new_order(keep, expected):
    sentences = order(keep=keep)
    epochs = [take(sentences, len(expected)) for _ in range(4)]
    assert [sorted(epoch) for epoch in epochs] == [expected] * 4
    assert len(set(map(tuple, epochs))) > 1


def test_the_order_depends_on_the_seed_alone():
    assert take(order(), 20) == take(order(), 20)
    assert take(order(), 20) != take(order(seed=4), 20)


@pytest.mark.parametrize("read_ahead", [1, 3, 8, 100])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_order_does_not_depend_on_how_much_is_read_ahead(shuffle, read_ahead):
    expected = take(order(shuffle=shuffle), 30)
    assert take(order(shuffle=shuffle, read_ahead=read_ahead), 30) == expected


@pytest.mark.parametrize("read_ahead", [3, 4096])
def test_it_continues_from_every_position(read_ahead):
    sentences, states = order(read_ahead=read_ahead), []
    expected = take(order(), 25)
    for _ in range(20):
        states.append(sentences.state_dict())
        next(sentences)
    for position, state in enumerate(states):
        again = order(read_ahead=read_ahead)
        take(again, 7)  # whatever it did before
        again.load_state_dict(state)
        assert again.state_dict() == state
        assert take(again, 5) == expected[position : position + 5]


def test_predictions_of_an_epoch():
    assert order().num_predictions == 6 + 5
    assert order(keep=True).num_predictions == 6 + 8
