"""The command that serves the page."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from elmokit.commands import explore
from elmokit.console.models import GivenModel
from elmokit.explorer.server import PageServer


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "elmokit", "explore", *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "BROWSER")}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(work):
    (work / "short.txt").write_text("a0 b1 c2\na0 a0\n")
    with start("model", "--corpus", "short.txt", "--port", 0) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        assert re.fullmatch(r".*: 5 tokens indexed, 0\.0 MB\n", lines[0])
        url = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)  \(Ctrl-C to stop\)\n", lines[2])[1]
        with urllib.request.urlopen(url, timeout=60) as response:
            assert b"elmokit explore" in response.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("stopped\n", "", 0)


def test_a_port_in_use_is_one_line(work, run_cli):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_cli("explore", "model", "--port", port)
    assert result.exit_code == 2
    assert result.err.startswith(f"elmokit: port {port}: Address already in use: choose another with --port")
    assert result.err.count("\n") == 1


def test_a_corpus_that_is_missing_is_one_line(work, run_cli):
    result = run_cli("explore", "model", "--port", 0, "--corpus", "missing.txt")
    assert result.exit_code == 2
    assert "missing.txt" in result.err
    assert result.err.count("\n") == 1


def test_two_models_are_shown_under_their_names(work, run_cli, monkeypatch):
    seen = []
    monkeypatch.setattr(PageServer, "serve_forever", lambda server: seen.append(server.answers.names))
    result = run_cli("explore", "model", "./model", "--port", 0, "--no-browser")
    assert (result.exit_code, result.err) == (0, "")
    assert seen == [("model", "model")]
    assert run_cli("explore", "model", "missing").exit_code == 2


def test_the_bundled_model_is_the_default(run_cli, monkeypatch):
    seen = []
    monkeypatch.setattr(GivenModel, "load", lambda model: seen.append(model.name))
    monkeypatch.setattr(explore, "listen", lambda port: sys.exit(0))
    run_cli("explore")
    assert seen == ["tiny-en"]


@pytest.mark.parametrize(
    ("arguments", "variables", "is_opened"),
    [
        ([], {"DISPLAY": ":0"}, True),
        ([], {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ([], {"BROWSER": "my-browser"}, True),
        ([], {}, False),
        (["--no-browser"], {"DISPLAY": ":0"}, False),
    ],
)
def test_a_browser_is_opened_if_there_is_a_display(
    work, run_cli, monkeypatch, arguments, variables, is_opened
):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    opened = []
    monkeypatch.setattr(explore.webbrowser, "open", opened.append)
    monkeypatch.setattr(PageServer, "serve_forever", lambda server: None)
    result = run_cli("explore", "model", "--port", 0, *arguments)
    assert result.exit_code == 0
    assert result.err == ""
    url = re.fullmatch(r"(\S+)  \(Ctrl-C to stop\)\nstopped\n", result.out)[1]
    assert opened == ([url] if is_opened else [])
