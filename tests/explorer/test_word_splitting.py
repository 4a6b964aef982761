"""Punctuation that is split from words."""

from __future__ import annotations

import pytest

from elmokit.explorer.word_splitting import looks_untokenized, split_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Really?! (the right way).", "Really ? ! ( the right way ) ."),
        ('"Yes," she said...', '" Yes , " she said ...'),
        ("the U.S. has 3.5% e.g. www.example.com", "the U.S. has 3.5% e.g. www.example.com"),
        ("Mr. Smith isn't here; we're", "Mr. Smith is n't here ; we 're"),
        ("¿Qué? «oui» „ja“", "¿ Qué ? « oui » „ ja “"),
        ("... - , ( :) <S> don", "... - , ( :) <S> don"),
        ("naïve. 日本語。", "naïve . 日本語 。"),
        ("a" * 5000 + ".", "a" * 5000 + " ."),
    ],
)
def test_marks_are_tokens_of_their_own(text, expected):
    known = {"Mr.", "n't", "'re", "<S>"}
    assert split_words(text.split(), known.__contains__) == expected.split()


def test_clitics_are_split_only_if_the_vocabulary_has_them():
    assert split_words(["don't", "it's"], {"'s"}.__contains__) == ["don't", "it", "'s"]
    assert split_words(["don't"], {"don't", "n't"}.__contains__) == ["don't"]


@pytest.mark.parametrize(
    ("text", "is_raw"),
    [
        ("We vote.", True),
        ("we vote , really", False),
        ("(the right) way", True),
        ('he said "no"', True),
        ("we vote .", False),
        ("the U.S. army", False),
        ("it 's 3.5 , <b>bold</b> &amp; $x^2$", False),
        ("", False),
    ],
)
def test_raw_text_is_recognized(text, is_raw):
    assert looks_untokenized(text.split()) == is_raw
