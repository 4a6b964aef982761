from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.shell_completion import ShellComplete

from elmokit.cli import VERBS, elmokit
from elmokit.repository.locate import model_names


def offered(*words: str) -> list[str]:
    *before, incomplete = words
    completion = ShellComplete(elmokit, {}, "elmokit", "_ELMOKIT_COMPLETE")
    return [item.value for item in completion.get_completions(before, incomplete)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(run_cli, shell):
    result = run_cli("completion", shell)
    assert (result.exit_code, result.err) == (0, "")
    assert f"_ELMOKIT_COMPLETE={shell}_complete" in result.out


def test_the_script_is_one_for_bash(run_cli):
    script = run_cli("completion", "bash").out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_commands_and_options():
    assert offered("") == list(VERBS)
    assert offered("em") == ["embed", "embed-tokens"]
    assert offered("embed", "--lay") == ["--layers", "--layer"]


def test_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "portrait").mkdir()
    assert set(model_names()) <= set(offered("info", ""))
    assert offered("info", "port") == ["portuguese", "portuguese-wikipedia", "portuguese-brwac", "portrait"]
    assert offered("train", "--restart-ckpt-file", "tiny") == ["tiny-en"]


def test_settings():
    assert offered("train", "batch") == ["batch_size="]
    assert offered("train", "recipe=") == ["recipe=adam", "recipe=bilm"]
    assert offered("train", "--config", "t") == ["tiny"]


def test_it_does_not_load_torch():
    code = (
        "import sys; from click.shell_completion import ShellComplete; from elmokit.cli import elmokit\n"
        "complete = ShellComplete(elmokit, {}, 'elmokit', 'X').get_completions\n"
        "complete([], ''); complete(['train'], 'b'); complete(['info'], '')\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_known_shells(run_cli):
    assert "Invalid value for" in run_cli("completion", "csh").err
    assert isinstance(elmokit, click.Group)
