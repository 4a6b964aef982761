"""A corpus as one vocabulary sees it."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.vocabulary import Vocabulary

SPECIALS = ("<S>", "</S>", "<UNK>")


def indexed(sentences: list[str], words: list[str]) -> IndexedCorpus:
    corpus = Corpus.from_sentences([sentence.split() for sentence in sentences])
    return IndexedCorpus(corpus, Vocabulary([*SPECIALS, *words]), max_characters=None)


def test_words_are_looked_up_once():
    text = indexed(["the cat", "the dog"], ["the", "dog"])
    assert text.word_ids.tolist() == [0, 1, 3, 2, 4]  # <S>, </S>, the, cat, dog


def test_unknown_share():
    assert indexed(["a b b c"], ["b"]).unknown_share == 0.5
    assert indexed(["a b b c"], ["a", "b", "c"]).unknown_share == 0


def test_rank_correlation_distinguishes_a_sorted_vocabulary_from_others():
    words = [f"w{k}" for k in range(20)]
    sentences = [" ".join([word] * (20 - k)) for k, word in enumerate(words)]

    def correlation(order: list[str]) -> float:
        return indexed(sentences, order).rank_correlation

    assert correlation(words) == pytest.approx(1)
    assert correlation(words[::-1]) == pytest.approx(-1)
    assert abs(correlation(sorted(words))) < 0.5
    assert correlation(["elsewhere"]) == 1


def test_replayed_text_has_the_ids_of_both_texts():
    new, old = indexed(["a b"], ["b", "x"]), indexed(["x y b"], ["b", "x"])
    both = new.with_replay(old)
    assert both.word_ids.tolist() == [*new.word_ids, *old.word_ids]
    np.testing.assert_array_equal(both.word_ids, both.corpus.types.word_ids(new.vocabulary))
