"""Occurrences aligned below each other, within the columns of a line."""

from __future__ import annotations

import random
import unicodedata

import pytest

from elmokit.console.concordance import concordance, terminal_columns
from elmokit.data.occurrences import Occurrence


def width(line: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line
    )


def test_the_words_are_aligned():
    occurrences = [
        Occurrence(("a", "right", "to", "vote"), 0, 1),
        Occurrence(("we", "are", "on", "the", "right", "track"), 0, 4),
        Occurrence(("right",), 0, 0),
    ]
    assert concordance(occurrences, 60) == [
        "            a [right] to vote",
        "we are on the [right] track",
        "              [right]",
    ]


def test_a_long_sentence_is_cut_around_the_word():
    sentence = tuple(f"word{k}" for k in range(30))
    (line,) = concordance([Occurrence(sentence, 0, 15)], 60)
    assert line == "… word12 word13 word14 [word15] word16 word17 word18 …"


@pytest.mark.parametrize("columns", [53, 60, 81, 200])
def test_no_line_is_too_long(columns):
    rng = random.Random(columns)
    words = ["a", "of", "naïve", "e\u0301te\u0301", "我們", "🙂🙂", "x" * 10_000, "我" * 500, "-", "שלום"]
    occurrences = []
    for _ in range(200):
        sentence = tuple(rng.choices(words, k=rng.randint(1, 40)))
        occurrences.append(Occurrence(sentence, 0, rng.randrange(len(sentence))))
    lines = concordance(occurrences, columns)
    assert len(lines) == 200
    assert max(map(width, lines)) <= columns
    assert len({width(line[: line.index("[")]) for line in lines}) == 1
    for line, occurrence in zip(lines, occurrences, strict=True):
        inside = line[line.index("[") + 1 : line.index("]")]
        assert occurrence.word == inside or (inside.endswith("…") and occurrence.word.startswith(inside[:-1]))


def test_control_characters_do_not_reach_the_terminal():
    (line,) = concordance([Occurrence(("\x1b[2J", "a\tb", "\u202ec\r"), 0, 1)], 60)
    assert line == "�[2J [a�b] �c�"


def test_no_occurrences():
    assert concordance([], 80) == []


def test_columns_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "123")
    assert terminal_columns() == 123
    monkeypatch.setenv("COLUMNS", "5")
    assert terminal_columns() == 60
