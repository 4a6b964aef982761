from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from elmokit.data.batches import RowReader
from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus, _distinct
from elmokit.data.vocabulary import Vocabulary

SPECIALS = ("<S>", "</S>", "<UNK>")


def indexed(sentences: list[str], words: list[str]) -> IndexedCorpus:
    corpus = Corpus.from_sentences([sentence.split() for sentence in sentences])
    return IndexedCorpus(corpus, Vocabulary([*SPECIALS, *words]), max_characters=None)


def test_words_are_looked_up_once():
    text = indexed(["the cat", "the dog"], ["the", "dog"])
    assert text.word_ids.tolist() == [0, 1, 3, 2, 4]  # <S>, </S>, the, cat, dog


def test_ids_that_are_known_already_are_not_looked_up(monkeypatch):
    text = indexed(["the cat"], ["the"])
    monkeypatch.setattr(Vocabulary, "id_of", None)
    again = IndexedCorpus(text.corpus, text.vocabulary, max_characters=5, word_ids=text.word_ids)
    assert again.word_ids is text.word_ids


def test_unknown_words():
    some, none = indexed(["a b b c", "c"], ["b"]), indexed(["a b b c"], ["a", "b", "c"])
    assert (some.num_unknown, some.unknown_share) == (3, 0.6)
    assert (none.num_unknown, none.unknown_share) == (0, 0)


def test_unknown_words_with_replayed_text():
    both = indexed(["a b"], ["b"]).with_replay(indexed(["x x b"], ["b"]))
    assert (both.num_unknown, both.unknown_share) == (3, 0.6)


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


def test_a_batch_has_each_type_once_and_its_characters(original):
    for batch in islice(original.stream(), 4):
        assert batch.types.tolist() == sorted(set(batch.types.tolist()))
        assert set(np.concatenate([rows.numpy() for rows in batch.inputs])) == set(range(len(batch.types)))
        assert batch.char_ids is not None
        assert batch.char_ids.tolist() == original.corpus.types.char_rows(batch.types, 8).tolist()


def test_out_of_vocabulary_words_keep_their_characters(original):
    corpus = original.corpus  # "dog" is not in the vocabulary
    dog = next(k for k in range(2, len(corpus.types)) if corpus.types.spelling(k) == b"dog")
    batch = next(batch for batch in original.stream() if dog in batch.types)
    row = batch.types.tolist().index(dog)
    assert batch.word_ids[row] == 2
    assert batch.char_ids is not None
    assert batch.char_ids[row, 1:4].tolist() == list(b"dog")


def test_a_model_without_characters_gets_none(original):
    text = original.indexed(max_characters=None)
    (window,), sentences = RowReader(original.corpus, 2, bidirectional=False).read(3, lambda row: row)
    batch = text.batch([window], sentences)
    assert batch.char_ids is None
    assert batch.batch_sizes == (2, 2, 2)
    np.testing.assert_array_equal(batch.target_types[0], window.targets)


def test_distinct_ids_and_their_places():
    ids = np.random.default_rng(1).integers(0, 50, 400)
    distinct, places = _distinct(ids, 60)
    expected, expected_places = np.unique(ids, return_inverse=True)
    np.testing.assert_array_equal(distinct, expected)
    np.testing.assert_array_equal(places, expected_places)
