from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from elmokit import __version__, cli
from elmokit.errors import ElmokitError


def python(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "elmokit", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "100"},
        **options,
    )


@pytest.fixture
def failing(monkeypatch):
    """Make `elmokit info` raise an error."""

    def make(error: BaseException) -> None:
        @click.command("info")
        def command() -> None:
            raise error

        monkeypatch.setattr(cli._Verbs, "get_command", lambda self, ctx, name: command)

    return make


def test_as_a_module():
    result = python("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"elmokit {__version__}\n", "")


def test_the_version(run_cli):
    result = run_cli("--version")
    assert (result.exit_code, result.out) == (0, f"elmokit {__version__}\n")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_verb_with_its_summary(run_cli, flag):
    result = run_cli(flag)
    assert result.exit_code == 0
    for verb, (_, summary) in cli.VERBS.items():
        assert f"{verb} " in result.out
        assert summary.split(".")[0] in result.out


@pytest.mark.parametrize("verb", [(), *((verb,) for verb in cli.VERBS)], ids=" ".join)
def test_help_shows_an_example(run_cli, verb):
    result = run_cli(*verb, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    elmokit {' '.join(verb)}".rstrip() in result.out


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_table_has_the_name_of_each_command(verb):
    command = cli.elmokit.get_command(click.Context(cli.elmokit), verb)
    assert command is not None
    assert command.name == verb


def test_verbs_may_be_spelled_with_underscores(run_cli):
    assert run_cli("dump_weights", "--help").exit_code == 0


def test_help_needs_no_torch():
    code = "import sys, runpy; sys.argv = ['elmokit', '--help']\ntry: runpy.run_module('elmokit')\n"
    code += "except SystemExit: pass\nassert 'torch' not in sys.modules"
    code = code.replace("run_module('elmokit')", "run_module('elmokit', run_name='__main__')")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_an_unknown_verb(run_cli):
    result = run_cli("trian")
    assert result.exit_code == 2
    assert "trian" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ElmokitError("file:3: what\nand why"), 2, "elmokit: file:3: what and why"),
        (OSError(28, "No space left on device", "out/x"), 2, "elmokit: out/x: No space left on device"),
        (OSError(5, "Input/output error"), 2, "elmokit: input/output: Input/output error"),
        (MemoryError(), 2, "elmokit: out of memory: try a smaller batch size or model"),
        (KeyboardInterrupt(), 130, "elmokit: interrupted"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_is_one_line_and_an_exit_code(run_cli, failing, error, code, line):
    failing(error)
    result = run_cli("info")
    assert result.exit_code == code
    assert result.err.strip().splitlines() == [line]
    assert result.out == ""


def test_debug_shows_the_trace(run_cli, failing):
    failing(ElmokitError("shown"))
    with pytest.raises(ElmokitError, match="shown"):
        run_cli("--debug", "info")


def test_an_unexpected_error_is_not_hidden(run_cli, failing):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run_cli("info")


def test_a_closed_pipe_is_not_an_error():
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    result = subprocess.run(
        [sys.executable, "-m", "elmokit", "--help"],
        stdout=writing_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing_end)
    assert (result.returncode, result.stderr) == (1, "")


def test_usage_errors_are_one_line(run_cli):
    for arguments, message in [
        (["trian"], "elmokit: no command 'trian', did you mean 'train'? (try `elmokit --help`)"),
        (
            ["train"],
            "elmokit: train: 3 errors: Missing option '--save-dir' (Directory for checkpoints and records); "
            "Missing option '--train-prefix' (Training text: file, glob in quotes, directory, URL, or - for "
            "the standard input); Missing option '--vocab-file' (Vocabulary file, written by "
            "`elmokit vocabulary`) (try `elmokit train --help`)",
        ),
    ]:
        result = run_cli(*arguments)
        assert (result.exit_code, result.out, result.err) == (2, "", message + "\n")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("list", "use elmokit models"),
        ("restart", "use elmokit train --restart-ckpt-file MODEL"),
        ("train_elmo.py", "use elmokit train"),
        ("bin/run_test.py", "use elmokit evaluate"),
        ("elmo", "use elmokit embed"),
    ],
)
def test_names_of_other_tools_are_answered(name, answer, run_cli):
    result = run_cli(name)
    assert result.exit_code == 2
    assert answer in result.err


def test_idle_threads_sleep_soon_unless_the_user_says_otherwise(monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    cli._bound_spinning()
    assert os.environ["GOMP_SPINCOUNT"] == "20000"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    cli._bound_spinning()
    assert "GOMP_SPINCOUNT" not in os.environ


def test_ctrl_c_while_modules_are_imported_is_quiet(tmp_path):
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    source = Path(cli.__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", "from elmokit.__main__ import main; main()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(source)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "elmokit: interrupted\n")
