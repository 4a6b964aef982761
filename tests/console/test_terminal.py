"""Output to the terminal."""

from __future__ import annotations

import json

import pytest

from elmokit.console import terminal


@pytest.mark.parametrize("write", [terminal.say, terminal.note, terminal.warn])
def test_text_cannot_control_the_terminal(write, capsys):
    write("a\x1b]0;title\x07 \x9b31m b\r c\u202e d\t слово 我 é")
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert text.removeprefix("warning: ") == (
        "a\\x1b]0;title\\x07 \\u009b31m b\\x0d c\\u202e d\t слово 我 é\n"
    )


def test_escaped_json_is_json(capsys):
    terminal.say(json.dumps({"word": "a\x1b\x7f\x9b\u202e"}, ensure_ascii=False))
    assert json.loads(capsys.readouterr().out) == {"word": "a\x1b\x7f\x9b\u202e"}
