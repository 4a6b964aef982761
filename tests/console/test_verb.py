"""All faults of a command line in one message, before PyTorch is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from elmokit.cli import VERBS, elmokit


def all_commands():
    """Yield the words of every command that does something: a group of commands does not."""
    for verb in VERBS:
        command = elmokit.get_command(click.Context(elmokit), verb)
        if isinstance(command, click.Group):
            yield from ((verb, name) for name in command.list_commands(click.Context(command)))
        else:
            yield (verb,)


COMMANDS = list(all_commands())


def refusal(run_cli, *arguments: str) -> str:
    result = run_cli(*arguments)
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line.removeprefix("elmokit: ").partition(" (try ")[0]


def test_several_faults(run_cli):
    assert refusal(run_cli, "plot", "tiny-en", "--seed", "x", "--method", "som") == (
        "plot: 4 errors: Invalid value for '--seed': 'x' is not a valid integer range; "
        "Invalid value for '--method': 'som' is not one of 'tsne', 'umap', 'pca'; "
        "Missing argument 'SENTENCES.txt'; Missing option '--output'"
    )


def test_unknown_options_and_missing_ones(run_cli):
    message = refusal(run_cli, "score", "model", "in.txt", "--tokns", "--bogus=1", "--batch-size", "0")
    assert message.startswith("score: 3 errors: No such option '--tokns'. Did you mean '--tokens'?; ")
    assert "No such option '--bogus'" in message
    assert message.endswith("Invalid value for '--batch-size': 0 is not in the range x>=1")


def test_the_value_of_an_unknown_option_is_no_fault(run_cli):
    assert refusal(run_cli, "info", "tiny-en", "--colour", "red").startswith(
        "info: No such option '--colour'"
    )


def test_what_does_not_go_together(run_cli):
    assert refusal(run_cli, "score", "m", "--tokens", "--json", "--batch-size", "0") == (
        "score: 3 errors: Invalid value for '--batch-size': 0 is not in the range x>=1; "
        "expected --tokens or --json, not both; no text given: expected TEXT or --input TEXT"
    )


def test_settings_and_options_of_train(run_cli):
    message = refusal(
        run_cli, *("train", "--train-prefix", "t", "--save-dir", "s", "batch_size=0", "nope=1", "dropout=2")
    )
    assert message.startswith("train: 2 errors: Missing option '--vocab-file'; override 'nope=1'")
    assert "training.batch_size" in message
    assert "training.dropout" in message
    assert refusal(run_cli, "train", "--save-dir", "s", "--resume", "--batch-size", "3") == (
        "train: No such option '--batch-size': it is a setting, write batch_size=32"
    )
    message = refusal(run_cli, "train", "--save-dir", "s", "--resume", "--seed", "3", "seed=4")
    assert message == "train: seed is given twice, as --seed and as seed="


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_q_and_v(run_cli, command):
    out = run_cli(*command, "--help").out
    assert "-q, --quiet" in out
    assert "-v, --verbose" in out


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {("explore",), ("completion",)}), ids=" ".join)
def test_every_command_that_prints_figures_has_json(run_cli, command):
    assert "--json" in run_cli(*command, "--help").out


@pytest.mark.parametrize(
    "verb", ["convert", "embed", "embed-tokens", "evaluate", "explore", "neighbors", "plot", "projector"]
)
def test_every_command_that_computes_has_device_and_threads(run_cli, verb):
    out = run_cli(verb, "--help").out
    assert "--device" in out
    assert "--threads" in out


def test_faults_are_found_without_torch():
    """The same program for all of them, since starting Python takes longer than what is tested."""
    program = """
import sys
from elmokit import cli
for arguments in (
    ["embed", "--bogus"], ["info", "nowhere"], ["info", "no/where.hdf5"], ["train"], ["train", "--device"],
    ["embed", "tiny-en", "nowhere.txt", "o"], ["evaluate", "tiny-en", "--input", "nowhere.txt"],
    ["score", "tiny-en", "nowhere.txt"], ["plot", "tiny-en", "nowhere.txt", "-o", "o.png"],
    *([verb, "--help"] for verb in cli.VERBS),
    *([name, verb, "--help"] for name in ("tag", "classify", "pairs", "senses")
      for verb in ("train", "predict", "evaluate")),
):
    sys.argv = ["elmokit", *arguments]
    try:
        cli.main()
    except SystemExit as stop:
        assert stop.code == (0 if "--help" in arguments else 2), arguments
    assert "torch" not in sys.modules, arguments
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)


def test_quiet_and_json(run_cli, tmp_path):
    (tmp_path / "in.txt").write_text("one\n")
    arguments = ("embed", "tiny-en", tmp_path / "in.txt", "-o", tmp_path / "out.hdf5")
    assert run_cli(*arguments).out.endswith("out.hdf5: 1 line, each (3, tokens, 256)\n")
    (tmp_path / "out.hdf5").unlink()
    assert run_cli(*arguments, "-q").out == ""
    (tmp_path / "out.hdf5").unlink()
    figures = json.loads(run_cli(*arguments, "--json").out)
    expected = {"output": str(tmp_path / "out.hdf5"), "num_lines": 1, "num_layers": 3, "dim": 256}
    written = {"dtype": "float32", "num_files": 1, "largest_deviation": 0.0, "relative_deviation": 0.0}
    assert figures == expected | written


def test_an_empty_argument_is_not_the_current_directory(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments, name in [
        (["curves", "", "-o", "c.png"], "an argument"),
        (["convert", "tiny-en", "--format", "bilm", "--output="], "--output"),
        (["vocabulary", "--input", "", "-o", "v.txt"], "an argument"),
        (["train", "--save-dir", "", "--resume"], "an argument"),
    ]:
        message = refusal(run_cli, *arguments)
        assert message == f"{arguments[0]}: {name} is empty: is a variable of the shell unset?"
