"""Splitting typed text into sentences and tokens."""

from __future__ import annotations

from elmokit.explorer.typed_text import MAX_TOKENS, displayed_word, read_typed


def test_each_line_is_a_sentence_and_empty_lines_are_ignored():
    assert read_typed("a  b\tc\r\n\n \n d").sentences == (("a", "b", "c"), ("d",))
    assert read_typed(" \n\t\n").sentences == read_typed("").sentences == ()


def test_a_long_text_is_cut_and_the_page_says_so():
    assert read_typed("a b\n" * (MAX_TOKENS // 2)).note == ""
    typed = read_typed("a b c\n" * 5000)
    assert sum(map(len, typed.sentences)) == MAX_TOKENS
    assert typed.sentences[0] == ("a", "b", "c")
    assert typed.note == "Only the first 400 of 15,000 tokens are shown."
    assert len(read_typed("a " * 5000).sentences[0]) == MAX_TOKENS


def test_half_a_surrogate_pair_is_replaced():
    assert read_typed("a \ud83d b").sentences == (("a", "?", "b"),)


def test_a_displayed_word_is_short_and_visible():
    assert displayed_word("naïve") == "naïve"
    assert displayed_word("👩‍🚀") == "👩‍🚀"
    assert displayed_word("a\0b") == "a\N{REPLACEMENT CHARACTER}b"
    assert displayed_word("x" * 10_000) == "x" * 29 + "…"
