"""All faults of a command line in one message, before PyTorch is loaded."""

from __future__ import annotations

import json
import shlex
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
        "plot: 4 errors: Invalid value for '--seed': 'x' is not a whole number; "
        "Invalid value for '--method': 'som' is not one of 'tsne', 'umap', 'pca'; "
        "Missing argument 'SENTENCES.txt' of `elmokit plot MODEL SENTENCES.txt`; Missing option '--output' "
        "(File to write; its suffix selects what is drawn: .png, .svg or .pdf, a figure; .html, a page "
        "to zoom and search, layer by layer; .gif, .webp or .mp4, an animation through the layers; "
        ".parquet, a table for Embedding Atlas)"
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
        "expected --tokens or --json, not both; no text given: expected TEXT, --input TEXT, or - for the "
        "standard input"
    )


def test_settings_and_options_of_train(run_cli):
    message = refusal(
        run_cli, *("train", "--train-prefix", "t", "--save-dir", "s", "batch_size=0", "nope=1", "dropout=2")
    )
    assert message.startswith(
        "train: 2 errors: Missing option '--vocab-file' (Vocabulary file, written by `elmokit vocabulary`); "
        "override 'nope=1'"
    )
    assert "training.batch_size" in message
    assert "training.dropout" in message
    assert refusal(run_cli, "train", "--save-dir", "s", "--resume", "--batch-size", "3") == (
        "train: No such option '--batch-size': it is a setting, write batch_size=3"
    )
    message = refusal(run_cli, "train", "--save-dir", "s", "--resume", "--seed", "3", "seed=4")
    assert message == "train: seed is given twice, as --seed and as seed="


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "embed notes.txt out.npz",
            "'MODEL': 'notes.txt' is text, expected a model, as in `elmokit embed MODEL",
        ),
        (
            "score 'a sentence'",
            "'a sentence' is text, expected a model, as in `elmokit score MODEL [TEXT]...`",
        ),
        ("embed absent.txt.gz out.npz", "'absent.txt.gz' is text, expected a model"),
        ("score - tiny-en", "'-' is text, expected a model"),
        ("substitutes 'a sentence' --word a", "'a sentence' is text, expected a model"),
        ("plot notes.txt -o p.png", "'notes.txt' is text, expected a model"),
        ("explore notes.txt", "'notes.txt' is text, expected a model"),
        ("evaluate tiny-en notes.txt --input t", "'MODEL...': 'notes.txt' is text, expected a model"),
        (
            "train --restart-ckpt-file notes.txt --train-prefix t -o r",
            "'notes.txt' is text, expected a model",
        ),
        (
            "embed tiny-en notes.txt",
            "Missing argument 'OUTPUT' (HDF5 file or .parquet directory to write) of `elmokit embed MODEL",
        ),
        ("shard notes.txt -o -", "the output cannot be -, the standard output: give a path"),
        ("embed tiny-en notes.txt -", "the output cannot be -, the standard output: give a path"),
        ("substitutes tiny-en one two --word one", "extra argument (two): a sentence is given in quotes"),
        ("shard notes.txt -o s --heldout-fraction 5%", "'5%' is not a number"),
        ("vocabulary notes.txt", "'--output' (Vocabulary file to write; - for the standard output)"),
        ("vocabulary -o v.txt", "no text given: expected TEXT, --input TEXT, or - for the standard input"),
        ("train notes.txt", "To train on it, write --train-prefix notes.txt"),
        ("classify train notes.txt", "'notes.txt': expected key=value, or write --train notes.txt"),
        ("tag train a.conll b.conll", "'b.conll': expected key=value, or write --dev b.conll"),
        ("pairs train --train a.tsv b.tsv", "'b.tsv': expected key=value, or write --dev b.tsv"),
        ("classify train --train a --dev b --test c -o d e", "unexpected argument 'e': expected key=value"),
        ("compare task.toml --embeddings random", "extra argument (task.toml): write --task task.toml"),
        ("evaluate m notes.txt", "as in `elmokit evaluate MODEL...`; for the text write --test-prefix notes"),
        ("train --resume . -o r", "To resume this run, write --save-dir . --resume"),
        ("train --save-dir r --resume --max-steps=7", "it is a setting, write max_steps=7"),
        ("train -o r --resume --max-steps", "it is a setting, write max_steps=null"),
        ("train --train-prefix t --vocab-file v -o r lr=1", "'lr': did you mean 'learning_rate'?"),
        ("-q embed", "-q stands before the command: write elmokit embed ... -q"),
        ("voc", "no command 'voc', did you mean 'vocabulary'?"),
        ("version", "no command 'version': use elmokit --version"),
    ],
)
def test_what_newcomers_type(run_cli, tmp_path, monkeypatch, line, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("one two\n")
    assert message in refusal(run_cli, *shlex.split(line))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_only_the_model_is_named_when_it_is_missing(run_cli):
    """What stands in the wrong places after it is no fault of its own."""
    assert "errors" not in refusal(run_cli, "embed", "no such model", "out.npz")
    assert "; " not in refusal(run_cli, "score", "a sentence", "--tokens", "--json")


@pytest.mark.parametrize("line", ["help", "help embed", "help classify train", "classify help train"])
def test_help_is_a_command_too(run_cli, line):
    expected = [*(word for word in line.split() if word != "help"), "--help"]
    assert run_cli(*line.split()).out == run_cli(*expected).out


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
