"""What Windows, macOS and network file systems forbid, simulated."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import elmokit
from elmokit.errors import OutputError
from elmokit.files import durable
from elmokit.files.atomic import new_directory, write_text

MODEL = Path(__file__).parents[1] / "golden" / "infer_models" / "no_clips"


@pytest.fixture
def no_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories cannot be opened, as on Windows."""
    real = os.open

    def refusing(path, *arguments, **options):
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(durable.time, "sleep", lambda seconds: None)


@pytest.mark.usefixtures("no_directories")
def test_files_directories_and_models_where_no_directory_can_be_opened(tmp_path):
    write_text(tmp_path / "a.txt", "text")
    assert (tmp_path / "a.txt").read_text() == "text"
    with new_directory(tmp_path / "d") as directory:
        (directory / "one").write_text("1")
    assert (tmp_path / "d/one").read_text() == "1"
    elmokit.load(MODEL).save_pretrained(tmp_path / "model")
    assert elmokit.load(tmp_path / "model").config == elmokit.load(MODEL).config


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_file_systems_that_flush_no_directories(code, tmp_path, monkeypatch):
    def refusing(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refusing)
    durable.flush(tmp_path)
    monkeypatch.setattr(durable, "_CANNOT_FLUSH", ())
    with pytest.raises(OSError, match=os.strerror(code)):
        durable.flush(tmp_path)


def refuse_to_rename(monkeypatch: pytest.MonkeyPatch, num_times: int) -> list[Path]:
    """Let renaming fail a number of times, as while a virus scanner reads the file."""
    tries: list[Path] = []
    real = Path.replace

    def replace(self, target):
        tries.append(self)
        if len(tries) <= num_times:
            raise PermissionError(errno.EACCES, "Access is denied")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    return tries


@pytest.mark.usefixtures("windows")
def test_a_file_that_is_open_for_a_moment(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")
    tries = refuse_to_rename(monkeypatch, 3)
    write_text(tmp_path / "a.txt", "new")
    assert len(tries) == 4
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.usefixtures("windows")
def test_a_file_that_stays_open(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")
    refuse_to_rename(monkeypatch, 99)
    with pytest.raises(OutputError) as caught:
        write_text(tmp_path / "a.txt", "new")
    assert str(caught.value) == (
        f"{tmp_path / 'a.txt'}: cannot write: a program has it open: close it, or choose another name"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_elsewhere_a_refusal_is_final(tmp_path, monkeypatch):
    tries = refuse_to_rename(monkeypatch, 99)
    with pytest.raises(OutputError, match="Access is denied"):
        write_text(tmp_path / "a.txt", "new")
    assert len(tries) == 1


def test_a_model_that_is_mapped_is_written_over(tmp_path):
    """The mapping keeps the old content, and the new content is in a new file."""
    path = tmp_path / "model" / "model.safetensors"
    elmokit.load(MODEL).save_pretrained(path.parent)
    before = path.read_bytes()
    mapped = np.memmap(path, dtype=np.uint8, mode="r")
    changed = elmokit.load(MODEL)
    next(changed.model.parameters()).data += 1
    changed.save_pretrained(path.parent)
    assert mapped.tobytes() == before
    assert path.read_bytes() != before
    assert elmokit.load(path.parent).model.state_dict().keys() == changed.model.state_dict().keys()
