"""Lines for people fit the terminal; a line in a file stays one line."""

from __future__ import annotations

import io

import pytest

from elmokit.console import terminal
from elmokit.console.wrapping import wrapped

MESSAGE = "training text: 430,970 tokens in 14,708 sentences, 4.84% <UNK>; vocabulary: 5,881 words"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_long_line_is_wrapped_between_words(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert wrapped(MESSAGE, Terminal()).split("\n") == [
        "training text: 430,970 tokens in 14,708 sentences, 4.84%",
        "  <UNK>; vocabulary: 5,881 words",
    ]


def test_paths_and_aligned_columns_stay_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    path = "/data/a-directory-with-a-long-name/and-another-one"
    assert wrapped(f"wrote {path}", Terminal(), 4) == f"wrote\n    {path}"
    assert wrapped("layers    3\nwidth   256", Terminal()) == "layers    3\nwidth   256"


@pytest.mark.parametrize("columns", [None, "20"])
def test_a_file_and_a_narrow_terminal_get_one_line(columns, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert wrapped(MESSAGE, io.StringIO()) == MESSAGE


def test_remarks_are_wrapped_where_columns_are_known(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    terminal.say(MESSAGE, indent=15)
    terminal.say(MESSAGE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == " " * 15 + "<UNK>; vocabulary: 5,881 words"
    assert lines[2] == MESSAGE
