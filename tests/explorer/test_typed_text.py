"""Splitting typed text into sentences and tokens."""

from __future__ import annotations

from elmokit.explorer.typed_text import MAX_TOKENS, read_typed


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


def test_raw_text_is_split_if_it_looks_like_it_or_if_asked():
    raw = "Do it (now)."
    assert read_typed(raw).sentences == (("Do", "it", "(now)."),)
    typed = read_typed(raw, None)
    assert typed.sentences == (("Do", "it", "(", "now", ")", "."),)
    assert typed.is_split
    assert typed.note == "The text looks untokenized: punctuation was split from words."
    assert read_typed("do it ( now ) .", None) == ((("do", "it", "(", "now", ")", "."),), "", False)
    assert read_typed("do it ( now) .", True).sentences == (("do", "it", "(", "now", ")", "."),)
