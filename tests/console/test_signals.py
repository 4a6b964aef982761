from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import click
import pytest

from elmokit import cli
from elmokit.console.signals import SignalError, interrupting_signals
from elmokit.errors import ModelFileError
from elmokit.files.atomic import new_file

NUMBERS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself these signals")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_a_command_as_ctrl_c_does(run_cli, monkeypatch, tmp_path, number):
    @click.command("info")
    def command() -> None:
        with new_file(tmp_path / "output") as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), number)
        pytest.fail("the command goes on")

    monkeypatch.setattr(cli.elmokit, "get_command", lambda *_: command)
    result = run_cli("info")
    assert (result.exit_code, result.out, result.err.strip()) == (
        128 + number,
        "",
        f"elmokit: ended by {number.name}",
    )
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) == signal.SIG_DFL


def test_what_is_ignored_or_handled_by_others_stays_so():
    before = signal.getsignal(signal.SIGTERM)
    try:
        for handler in (signal.SIG_IGN, lambda *_: None):
            signal.signal(signal.SIGTERM, handler)
            with interrupting_signals():
                assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_second_signal_is_not_caught():
    with interrupting_signals():
        with pytest.raises(SignalError):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("number", [*NUMBERS, signal.SIGINT])
def test_a_signal_where_python_ignores_exceptions_comes_again(number, capsys):
    """Such as while an object is deleted, or in a callback of the import system."""

    class Deleted:
        def __del__(self) -> None:
            os.kill(os.getpid(), number)
            sum(range(1000))  # the handler runs before this ends

    def delete() -> None:
        thing = Deleted()
        del thing
        time.sleep(20)

    with interrupting_signals(), pytest.raises(KeyboardInterrupt) as caught:
        delete()
    assert getattr(caught.value, "number", signal.SIGINT) == number
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [*NUMBERS, signal.SIGINT])
def test_an_error_after_a_signal_is_the_signal(run_cli, monkeypatch, number):
    """As where a library in C has made an error of its own of it."""

    @click.command("info")
    def command() -> None:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
            time.sleep(20)
        raise ModelFileError("damaged checkpoint: delete it")

    monkeypatch.setattr(cli.elmokit, "get_command", lambda *_: command)
    result = run_cli("info")
    expected = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert (result.exit_code, result.err.strip()) == (128 + number, f"elmokit: {expected}")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_that_is_ended_leaves_nothing(tmp_path):
    """While it waits for its standard input, which is kept in a temporary directory."""
    process = subprocess.Popen(
        [sys.executable, "-m", "elmokit", "vocabulary", "--input", "-", "-o", "vocab.txt"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    try:
        while not list(tmp_path.glob(".elmokit.*.partial/stdin")):
            assert process.poll() is None
        time.sleep(0.5)  # Python notices a signal just before it begins to read only when it has read
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_python_ends_is_quiet():
    code = (
        # pytest may run in the background of a shell, where the signal is ignored
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "import atexit, os, signal, sys; from elmokit.__main__ import main; "
        "atexit.register(os.kill, os.getpid(), signal.SIGINT); sys.argv[1:] = ['--version']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
    assert done.stdout.startswith("elmokit ")
