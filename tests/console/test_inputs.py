from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from elmokit.console.inputs import find_inputs, text_inputs
from elmokit.console.verb import verb
from elmokit.errors import TextError


@verb("command")
@text_inputs
def command(inputs: tuple[str, ...], more_inputs: tuple[str, ...]) -> None:
    for file in find_inputs([*inputs, *more_inputs]):
        click.echo(f"{file} {file.size}")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in (("a.txt", "a"), ("b.txt", "bb")):
        (tmp_path / name).write_text(content)
    return lambda *arguments: CliRunner().invoke(command, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--input", "*.txt"],
        ["--input", "a.txt", "b.txt"],  # a glob that the shell has expanded
        ["--input", "b.txt", "--input", "a.txt"],
        ["a.txt", "b.txt"],
    ],
)
def test_all_ways_to_name_several_texts(run, arguments):
    result = run(*arguments)
    assert (result.exit_code, result.output) == (0, "a.txt 1\nb.txt 2\n")


def test_no_text(run):
    result = run()
    assert result.exit_code == 2
    assert "no text given: expected TEXT, --input TEXT, or - for the standard input" in result.output


def test_a_text_that_does_not_exist(run):
    result = run("--input", "no.txt")
    assert isinstance(result.exception, TextError)
    assert "no.txt" in str(result.exception)


def test_the_standard_input(tmp_path):
    """It may be named twice, and is deleted when the command ends."""
    found = CliRunner().invoke(command, ["-", "--input", "-"], input="one\ntwo\n")
    (line,) = found.output.splitlines()
    path, size = line.rsplit(" ", 1)
    assert (found.exit_code, size) == (0, "8")
    assert not Path(path).parent.exists()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tiny-en", "it is the name of a model, as MODEL in `command [TEXT]...`"),
        (
            "a typed sentence",
            'a sentence is piped in, with - for the file: echo "a typed sentence" | command ...',
        ),
    ],
)
def test_what_is_no_name_of_a_text(run, name, hint):
    assert str(run(name).exception).endswith(f"check the path; {hint}")


def test_a_name_with_spaces_may_be_that_of_a_missing_file(run):
    assert str(run("texts/my notes.txt").exception).endswith("check the path")
