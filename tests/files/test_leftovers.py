"""Only what a killed process of this user has left is cleared; nothing of a living one or of others is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from elmokit.files.atomic import new_directory, new_file, write_text
from elmokit.files.leftovers import clear_leftovers, temporary_directory

TOKENS = [f"{number:016x}" for number in range(8)]
WRITER = """
import sys, time
from pathlib import Path
from elmokit.files.atomic import new_directory, new_file
from elmokit.files.leftovers import temporary_directory
write = {"file": new_file, "directory": new_directory, "temporary": lambda _: temporary_directory()}
with write[sys.argv[1]](Path(sys.argv[2])) as temporary:
    (temporary if sys.argv[1] == "file" else temporary / "half").write_text("half")
    print("written", flush=True)
    time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks on Windows")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def writer(kind: str, path: Path, **environment: str) -> subprocess.Popen[str]:
    """A process in the middle of writing."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, kind, path],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


@pytest.mark.parametrize(("kind", "write"), [("file", new_file), ("directory", new_directory)])
def test_a_killed_process_is_cleared_up_after_and_a_living_one_is_left_alone(tmp_path, kind, write):
    path = tmp_path / "output [1]"
    (tmp_path / f".output 1.{TOKENS[0]}.partial").write_text("")  # it has no glob
    with writer(kind, path) as process:
        before = names(tmp_path)
        with write(path) as temporary:
            assert len(names(tmp_path)) == len(before) + 2
            if kind == "directory":
                (temporary / "whole").write_text("")
        assert set(before) <= set(names(tmp_path))
        process.send_signal(signal.SIGKILL)
    with write(path):
        pass
    assert names(tmp_path) == [f".output 1.{TOKENS[0]}.partial", path.name]


def test_unpacked_archives_of_killed_processes_are_cleared(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with writer("temporary", tmp_path, TMPDIR=str(tmp_path)) as process:
        (left,) = [path for path in tmp_path.iterdir() if path.is_dir()]
        with temporary_directory() as other:
            assert left.exists()
            assert other.stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGKILL)
    with temporary_directory():
        assert not left.exists()
    assert names(tmp_path) == []


def test_without_a_lock_age_decides(tmp_path):
    ages = {"old": 2 * 86400, "new": 60, "future": -(10**8), "half": 2 * 86400}
    for token, (name, age) in zip(TOKENS, ages.items(), strict=False):
        directory = tmp_path / f".{name}.{token}.partial"
        directory.mkdir()
        (directory / "file").write_text("")
        for path in (directory / "file", directory):
            if name != "half" or path == directory:  # in which a file is being written
                os.utime(path, (time.time() - age,) * 2)
    clear_leftovers(tmp_path)
    assert [name.split(".")[1] for name in names(tmp_path)] == ["future", "half", "new"]


def test_only_what_is_named_is_cleared(tmp_path):
    for name in ("one", "two"):
        for suffix in ("partial", "lock"):
            (tmp_path / f".{name}.{TOKENS[0]}.{suffix}").write_text("")
    clear_leftovers(tmp_path, "one")
    assert names(tmp_path) == [f".two.{TOKENS[0]}.lock", f".two.{TOKENS[0]}.partial"]
    clear_leftovers(tmp_path / "missing")


def test_a_directory_that_was_moved_away_is_moved_back(tmp_path):
    for number, name in enumerate(("lost", "there")):
        (tmp_path / f".{name}.{TOKENS[number]}.replaced").mkdir()
        (tmp_path / f".{name}.{TOKENS[number]}.lock").write_text("")
    (tmp_path / "there").mkdir()
    clear_leftovers(tmp_path)
    assert names(tmp_path) == ["lost", "there"]


@pytest.mark.parametrize(
    "name",
    [".file.partial", ".file.abc.partial", f"file.{TOKENS[0]}.partial", f".file.{TOKENS[0]}.partial.gz"],
)
def test_files_of_others_are_left_alone(tmp_path, name):
    (tmp_path / name).write_text("")
    os.utime(tmp_path / name, (0, 0))
    write_text(tmp_path / "file", "content")
    clear_leftovers(tmp_path)
    assert names(tmp_path) == sorted([name, "file"])


def test_files_of_another_user_are_left_alone(tmp_path, monkeypatch):
    for token, suffixes in zip(TOKENS, [("partial",), ("partial", "lock")], strict=False):
        for suffix in suffixes:
            path = tmp_path / f".file.{token}.{suffix}"
            path.write_text("")
            os.utime(path, (0, 0))
    before = names(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    clear_leftovers(tmp_path)
    assert names(tmp_path) == before


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / f".file.{TOKENS[0]}.lock").symlink_to(target)
    (tmp_path / f".file.{TOKENS[0]}.partial").symlink_to(target)
    write_text(tmp_path / "file", "content")
    assert target.read_text() == "precious"
    assert (tmp_path / f".file.{TOKENS[0]}.partial").is_symlink()


def test_without_locks_everything_is_written_all_the_same(tmp_path, monkeypatch):
    import fcntl

    def fail(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", fail)
    write_text(tmp_path / "file", "content")
    assert names(tmp_path) == ["file"]
