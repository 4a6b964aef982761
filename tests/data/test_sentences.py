"""Sentences as lists of tokens."""

from __future__ import annotations

import pytest

from elmokit.data.sentences import tokenized
from elmokit.errors import ElmokitError


def test_strings_are_split_and_lists_are_kept():
    assert list(tokenized(["a  b\tc", ["a b", "c"], "", ()])) == [["a", "b", "c"], ["a b", "c"], [], []]


def test_a_single_string_is_refused_at_once():
    with pytest.raises(ElmokitError, match="got the single string 'a b': put it in a list"):
        tokenized("a b")
