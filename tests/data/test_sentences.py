"""Sentences as lists of tokens, and what is refused among them."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from elmokit import Corpus
from elmokit.data.sentences import list_of_words, tokenized, tokens_of
from elmokit.errors import ElmokitError

SPLIT = [["Child", "is", "playing"], [], ["Brazil"]]
TEXTS = ["Child is playing", "", "Brazil"]
Table = collections.namedtuple("Table", "columns")  # as a DataFrame has


class Column:
    """A column of a table: it can be iterated, but is no sequence."""

    def __init__(self, values):
        self.values = values

    def __iter__(self):
        return iter(self.values)


@pytest.mark.parametrize(
    "sentences",
    [TEXTS, tuple(TEXTS), SPLIT, map(tuple, SPLIT), iter(TEXTS), np.array(TEXTS), Column(TEXTS),
     np.array(TEXTS, dtype=object), [np.array(row, dtype=str) for row in SPLIT], [iter(row) for row in SPLIT],
     Column(map(Column, SPLIT))],
)  # fmt: skip
def test_what_sentences_may_be(sentences):
    assert list(tokenized(sentences)) == SPLIT


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ("a b", r"expected a list of sentences, got the single string 'a b': put it in a list"),
        (b"a b", r"sentences: expected a list of sentences, got the bytes b'a b': decode it"),
        (None, r"sentences: expected a list of sentences, got None"),
        (3, r"sentences: expected a list of sentences, got the int 3$"),
        (np.array("a b"), r"sentences: expected a list of sentences, got the ndarray array"),
        ({"a b": 1}, r"sentences: .* got a dict: pass one column of it, such as data\['text'\]"),
        ({"a b"}, r"sentences: .* got a set, which has no order: pass a list"),
        (Table(["text"]), r"sentences: .* got a Table: pass one column of it"),
        (["a b", None], r"sentences\[1\]: expected a list of tokens, got None: leave missing values out"),
        (["a b", float("nan")], r"sentences\[1\]: expected a list of tokens, got the float nan: leave"),
        (["a b", b"c"], r"sentences\[1\]: expected a list of tokens, got the bytes b'c': decode it"),
        (["a b", {"a": 1}], r"sentences\[1\]: expected a list of tokens, got a dict"),
        ([3.5], r"sentences\[0\]: expected a list of tokens, got the float 3.5$"),
        ([["a"], ["b", None]], r"sentences\[1\]\[1\]: expected a string, got None: leave"),
        ([["a"], ["b", "c", 3]], r"sentences\[1\]\[2\]: expected a string, got the int 3$"),
        ([["a", b"b"]], r"sentences\[0\]\[1\]: expected a string, got the bytes b'b': decode it"),
        ([[["a", "b"]]], r"sentences\[0\]\[0\]: expected a string, got the list \['a', 'b'\]$"),
        (np.array([[1, 2]]), r"sentences\[0\]\[0\]: expected a string, got the int64"),
        ([["a"], ["x", "x" * 99, list("y" * 999)]], r"sentences\[1\]\[2\]: .{,100}…$"),
    ],
)
def test_what_they_may_not_be(sentences, message):
    with pytest.raises(ElmokitError, match=message) as error:
        list(tokenized(sentences))
    assert "\n" not in str(error.value)


def test_a_single_sentence():
    assert tokens_of("a b") == tokens_of(["a", "b"]) == tokens_of(iter("ab")) == ["a", "b"]
    with pytest.raises(ElmokitError, match=r"sentence\[1\]: expected a string, got None"):
        tokens_of(["a", None])
    with pytest.raises(ElmokitError, match=r"sentence: expected a list of tokens, got the float nan"):
        tokens_of(float("nan"))


def test_a_list_of_words_is_no_string():
    assert list_of_words(("a b", "c")) == ["a b", "c"]
    with pytest.raises(ElmokitError, match=r"words: expected a list of tokens, got the str 'cat'"):
        list_of_words("cat")


def test_a_corpus_of_plain_strings():
    assert Corpus.from_sentences(TEXTS).fingerprint == Corpus.from_sentences(SPLIT).fingerprint
