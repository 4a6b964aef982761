"""Where commands write."""

from __future__ import annotations

import click
import pytest

from elmokit import cli
from elmokit.console.outputs import OutputPath


def commands(group: click.Group, names: tuple[str, ...] = ()):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))
        else:
            yield " ".join((*names, name)), command


def test_every_output_is_a_local_path():
    found = {
        name: parameter.type
        for name, command in commands(cli.elmokit)
        for parameter in command.params
        if parameter.name in ("output", "output_argument")
    }
    assert len(found) > 10
    assert {name for name, kind in found.items() if not isinstance(kind, OutputPath)} == set()


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("vocabulary --input t.txt -o", "-o"),
        ("shard --input t.txt --output-dir", "--output-dir"),
        ("train --train-prefix t.txt --vocab-file v.txt --save-dir", "--save-dir"),
        ("embed model t.txt", "OUTPUT"),
        ("neighbors model t.txt cat --index", "--index"),
    ],
)
def test_a_url_is_no_output(run_cli, tmp_path, monkeypatch, arguments, option):
    """It would become a directory called s3: here."""
    monkeypatch.chdir(tmp_path)
    result = run_cli(*arguments.split(), "s3://key:secret@bucket/x")
    assert result.exit_code == 2
    assert option in result.err
    assert "s3://bucket/x: a URL, expected a local path: write to a disk and copy the result" in result.err
    assert "secret" not in result.err
    assert list(tmp_path.iterdir()) == []
