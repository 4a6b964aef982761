"""A run goes on with the same sentences alone, however their files look; what has changed is named."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest


@pytest.fixture
def resume(texts, make_trainer, run_cli):
    """Train for two steps; the result of going on."""
    make_trainer(max_steps=2).config.save(texts.directory / "c.json")
    result = run_cli(
        *("train", "--train-prefix", "train-*", "--heldout-prefix", "heldout.txt"),
        *("--vocab-file", "vocab.txt", "--save-dir", "run", "--config", "c.json"),
    )
    assert (result.exit_code, result.err) == (0, "")
    return lambda: run_cli("train", "--save-dir", "run", "--resume", "max_steps=3")


def refused(result) -> str:
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert line.endswith(": resume with the same one, or start a new run")
    return line


def test_a_longer_file_is_named(texts, resume):
    size = Path("train-1.txt").stat().st_size
    with Path("train-1.txt").open("a") as file:
        file.write("one more\n")
    os.utime("train-0.txt", (0, 0))  # only touched
    line = refused(resume())
    assert "the training text is not the one that this run was started with (fingerprint " in line
    assert f"; {texts.directory / 'train-1.txt'}: {size + 9} bytes, expected {size})" in line
    assert "train-0.txt" not in line


def test_a_changed_letter_is_named(texts, resume):
    content = Path("heldout.txt").read_bytes()
    Path("heldout.txt").write_bytes(content.replace(b"a", b"b", 1))
    line = refused(resume())
    assert "the heldout text is not the one" in line
    assert f"; {texts.directory / 'heldout.txt'}: modified since)" in line


def test_missing_and_new_files_are_named(texts, resume):
    Path("train-1.txt").rename("train-2.txt")
    Path("train-0.txt").unlink()
    line = refused(resume())
    for name, fault in (("train-0", "missing"), ("train-1", "missing"), ("train-2", "not there before")):
        assert f"{texts.directory / name}.txt: {fault}" in line


def test_the_same_sentences_in_other_files_go_on(texts, resume):
    os.utime("train-0.txt", (0, 10**10))
    content = Path("train-1.txt").read_bytes()
    Path("train-1.txt").unlink()
    Path("train-1.txt.gz").write_bytes(gzip.compress(content))
    result = resume()
    assert (result.exit_code, result.err) == (0, "")
    assert "resuming after step 2 of 3" in result.out
