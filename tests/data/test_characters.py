from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from elmokit.data.characters import boundary_rows, char_rows, word_bytes

GOLDEN = Path(__file__).parents[1] / "golden/batcher_quirks/quirks.json"
# The words are written with escapes, since JSON cannot be relied on for a lone surrogate.
QUIRKS = {
    word.encode("ascii").decode("unicode_escape"): facts
    for word, facts in json.loads(GOLDEN.read_text(encoding="utf-8"))["vocab_ok"]["words"].items()
}


def row(word: str, max_characters: int = 50) -> list[int]:
    return char_rows([word_bytes(word)], max_characters)[0].tolist()


@pytest.mark.parametrize("word", [word for word in QUIRKS if word not in ("<S>", "</S>")], ids=ascii)
def test_rows_are_those_of_the_original(word):
    assert row(word) == QUIRKS[word]["char_ids"]


def test_the_golden_words_include_the_difficult_cases():
    assert {"", "\ud83d", "x" * 48, "x" * 49, "a" + "é" * 24} <= set(QUIRKS)


def test_boundaries_are_those_of_the_original():
    assert boundary_rows(50).tolist() == [QUIRKS["<S>"]["char_ids"], QUIRKS["</S>"]["char_ids"]]


def test_a_word_is_cut_in_the_middle_of_a_character():
    assert row("aé", 4) == [258, ord("a"), 0xC3, 259]


def test_a_lone_surrogate_within_a_word_is_dropped():
    assert word_bytes("a\ud83db") == b"ab"


def test_words_encoded_together_have_the_same_rows_as_alone():
    words = ["", "a", "naïve", "x" * 60, "我"]
    together = char_rows([word_bytes(word) for word in words], 12)
    assert together.dtype == np.int64
    assert together.tolist() == [row(word, 12) for word in words]


def test_no_word():
    assert char_rows([], 50).shape == (0, 50)
