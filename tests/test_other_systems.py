"""What differs on Windows and macOS, simulated: signals, encodings, names, spawned processes, devices."""

from __future__ import annotations

import ast
import errno
import io
import multiprocessing
import os
import re
import signal
import socket
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import elmokit
from elmokit.console.streams import prepare_streams
from elmokit.errors import ModelFileError
from elmokit.files.archive import extracted
from elmokit.model.parameter_version import _hashes_of_values
from elmokit.repository.fetch import _file_name
from elmokit.repository.locate import model_names
from elmokit.training.signals import stop_on_signals

SOURCE = Path(elmokit.__file__).parent
MODEL = Path(__file__).parent / "golden" / "infer_models" / "no_clips"


NOT_FILES = ("distribution('elmokit')",)
TEXT_MODES = ("'r'", "'w'", "'a'", "'x'", "'rt'", "'wt'", "'r+'")


class Stoppable:
    """A trainer that can be asked to stop."""

    was_asked = False

    def request_stop(self) -> None:
        self.was_asked = True


def test_signals_that_a_system_does_not_have(monkeypatch):
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)  # as on Windows
    trainer = Stoppable()
    with stop_on_signals(trainer) as received:
        signal.raise_signal(signal.SIGUSR1)
    assert received == [signal.SIGUSR1]
    assert trainer.was_asked


@pytest.mark.parametrize(("platform", "encoding"), [("win32", "utf-8"), ("linux", "cp1252")])
def test_what_a_pipe_receives_on_windows(platform, encoding, monkeypatch):
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "platform", platform)
    prepare_streams()
    stream.write("naïve 語" if platform == "win32" else "naïve")
    stream.flush()
    assert content.getvalue().decode(encoding).split() == ["naïve", *(["語"] if platform == "win32" else [])]


def calls(path: Path) -> Iterator[tuple[str, str, ast.Call]]:
    """Yield the calls in a module: what is called, its owner (empty for a function), and the call."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, ast.unparse(node.func.value), node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, "", node


def test_every_text_is_opened_with_its_encoding():
    """The default of Windows is a code page."""
    for path in SOURCE.rglob("*.py"):
        for name, owner, call in calls(path):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            place = f"{path}:{call.lineno}"
            if name in ("read_text", "write_text") and owner not in ("", "atomic", *NOT_FILES):
                assert "encoding" in given, place
            modes = [ast.unparse(argument) for argument in call.args] + [given.get("mode", "")]
            if name in ("open", "fdopen") and any(mode in TEXT_MODES for mode in modes):
                assert "encoding" in given, place
            if name in ("run", "Popen", "check_output") and {"text", "universal_newlines"} & given.keys():
                assert "encoding" in given, f"{place}: text of another program"


@pytest.mark.parametrize("module", [signal, os, socket])
def test_what_only_some_systems_have_is_asked_for_first(module):
    """A name that Windows lacks is an AttributeError there."""
    lacking = {
        signal: {"SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "pthread_sigmask"},
        os: {"fork", "geteuid", "getuid", "mkfifo", "killpg", "setsid", "sched_getaffinity", "uname"},
        socket: {"AF_UNIX"},
    }[module]
    for path in SOURCE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == module.__name__:
                asked = f'hasattr({module.__name__}, "{node.attr}")' in source
                assert node.attr not in lacking or asked, f"{path}:{node.lineno}"


@pytest.fixture
def windows_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """No directory can be opened, and no file has a name that Windows refuses."""
    really_open, really_mkdir = os.open, os.mkdir

    def check(path) -> None:
        assert not set('<>:"|?*\\') & set(os.fspath(path)), f"{path}: not on Windows"

    def opening(path, *arguments, **options):
        check(path)
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_open(path, *arguments, **options)

    def making(path, *arguments, **options):
        check(path)
        return really_mkdir(path, *arguments, **options)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "mkdir", making)


@pytest.mark.usefixtures("windows_files")
def test_what_is_written_beside_models(tmp_path, run_cli, monkeypatch):
    """Parquet directories, indexes, pages, and downstream models with names of embeddings such as elmo:m."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    Path("in.txt").write_text("a few words\nof a text\nin a file\n", encoding="utf-8")
    rows = "".join(f"{'ab'[k % 2]}\tword {k} {'ab'[k % 2]}\n" for k in range(12))
    Path("train.tsv").write_text(f"label\ttext\n{rows}", encoding="utf-8")
    model = str(MODEL)
    embedding = f"elmo:{model}"
    for arguments in (
        ["embed", model, "in.txt", "vectors.parquet"],
        ["neighbors", model, "in.txt", "--query", "a text", "--word", "text", "--index", "index"],
        ["plot", model, "in.txt", "-o", "map.html", "--method", "pca"],
        ["classify", "train", "--train", "train.tsv", "-o", "c", "--embedding", embedding, "max_epochs=1"],
    ):
        result = run_cli(*arguments)
        assert result.exit_code == 0, result.err
    for path in tmp_path.rglob("*"):
        assert not set('<>:"|?*\\') & set(path.name), path


def test_names_that_windows_allows(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    for url in ("https://x.org/a%3Ab.hdf5", "https://x.org/a%22b%7C%3C%3E%2A.zip"):
        assert not set('<>:"|?*\\') & set(_file_name(url))
    folded = [name.casefold() for name in model_names()]
    assert len(set(folded)) == len(folded)
    assert all(re.fullmatch(r"[\w.-]+", name) for name in folded)


def test_members_of_an_archive_that_differ_in_case_alone(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("m/options.json", "{}")
        archive.writestr("m/Options.json", "{}")
    message = "twice in the archive, but for upper and lower case"
    with pytest.raises(ModelFileError, match=message), extracted(tmp_path / "m.zip"):
        pass


@pytest.mark.slow
def test_a_spawned_process_embeds():
    """Windows and macOS have no fork: a process starts anew, and the embedder is pickled."""
    embedder = elmokit.ElmoEmbedder.load(MODEL)
    sentences = ["a few words"]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (found,) = pool.apply(embedder.embed, (sentences,))
    np.testing.assert_allclose(found, embedder.embed(sentences)[0], atol=1e-6)


class OnMps(torch.Tensor):
    """A tensor on Apple's GPUs, which have no float64."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func == torch.Tensor.device.__get__:
            return torch.device("mps")
        if func is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        given = [*args, *(kwargs or {}).values()]
        if func is torch.Tensor.double or any(value is torch.float64 for value in given):
            raise TypeError("MPS does not support float64")
        return super().__torch_function__(func, types, args, kwargs or {})


def test_changed_parameters_are_noticed_without_float64():
    values = torch.arange(12.0)
    (before,) = _hashes_of_values([values.as_subclass(OnMps)])
    (after,) = _hashes_of_values([(values + 1).as_subclass(OnMps)])
    assert before != after


def test_numbers_become_double_on_the_cpu_only():
    for path in SOURCE.rglob("*.py"):
        assert not re.search(r"\.double\(\)\.cpu\(\)", path.read_text(encoding="utf-8")), path
