"""Training if the cache of prepared texts cannot be written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elmokit.data import prepare
from elmokit.errors import OutputError

pytestmark = pytest.mark.usefixtures("work")
TRAIN = ["train", "--train-prefix", "train.txt", "--heldout-prefix", "heldout.txt"]
TRAIN += ["--vocab-file", "vocab.txt", "--save-dir", "new", "--config", "c.toml"]


@pytest.fixture
def read_only(monkeypatch, tmp_path) -> None:
    """Refuse to write the cache; permissions would not stop root."""
    new_directory = prepare.new_directory

    @contextmanager
    def refused(path: Path, **options: bool) -> Iterator[Path]:
        if path.is_relative_to(tmp_path / "cache"):
            raise OutputError(f"{path}: cannot write: Read-only file system")
        with new_directory(path, **options) as temporary:
            yield temporary

    monkeypatch.setattr(prepare, "new_directory", refused)


def test_a_text_that_is_prepared_already_is_used(run_cli, work, tmp_path, request):
    assert run_cli(*TRAIN, "max_steps=2").exit_code == 0
    shutil.rmtree("new")
    request.getfixturevalue("read_only")
    result = run_cli(*TRAIN, "max_steps=2")
    assert (result.exit_code, result.err) == (0, "")
    assert not (work / "new/corpora").exists()


@pytest.mark.usefixtures("read_only")
def test_otherwise_the_run_keeps_its_own_prepared_text(run_cli, work, tmp_path, monkeypatch):
    result = run_cli(*TRAIN, "max_steps=2")
    assert result.exit_code == 0
    warnings = result.err.splitlines()
    assert len(warnings) == 2  # one per text
    for warning in warnings:
        assert warning.startswith(f"warning: {tmp_path / 'cache/corpora'}/")
        assert warning.endswith(
            ": cannot write: Read-only file system; set ELMOKIT_CACHE to a directory with room for it; "
            "the prepared text is kept in new/corpora instead"
        )
    assert len(list((work / "new/corpora").iterdir())) == 2

    # Resuming uses them: a full disk of the cache would show only after the whole text has been read.
    result = run_cli("train", "--save-dir", "new", "--resume", "max_steps=4")
    assert (result.exit_code, result.err) == (0, "")


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_error_has_the_remedy_if_nothing_can_be_written(run_cli, work, monkeypatch, command):
    def refused(path: Path, **options: bool) -> None:
        raise OutputError(f"{path}: cannot write: No space left on device")

    monkeypatch.setattr(prepare, "new_directory", refused)
    evaluate = ["evaluate", "--save-dir", "model", "--test-prefix", "heldout.txt"]
    result = run_cli(*(TRAIN if command == "train" else evaluate))
    assert result.exit_code == 2
    error = result.err.splitlines()[-1]
    assert error.startswith("elmokit: ")
    assert "No space left on device; set ELMOKIT_CACHE to a directory with room for it" in error


def test_a_cache_that_may_not_even_be_looked_at(run_cli, work, tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", "/closed")
    is_dir, mkdir = Path.is_dir, Path.mkdir

    def guarded(operation):
        def run(self, *arguments, **options):
            if self.is_relative_to("/closed"):
                raise PermissionError(13, "Permission denied", str(self))
            return operation(self, *arguments, **options)

        return run

    monkeypatch.setattr(Path, "is_dir", guarded(is_dir))
    monkeypatch.setattr(Path, "mkdir", guarded(mkdir))
    result = run_cli(*TRAIN, "max_steps=2")
    assert result.exit_code == 0
    assert result.err.count("cannot write: Permission denied; set ELMOKIT_CACHE") == 2
