"""A file of a model directory is the one that was written, or the directory is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from elmokit import load
from elmokit.errors import MissingModelError, ModelFileError
from elmokit.repository.bundled import BUNDLED_MODELS, find_bundled_model


@pytest.fixture
def directory(make, tmp_path) -> Path:
    make().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def _swap_lines(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[4], lines[5] = lines[5], lines[4]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1  # of the exponent of a parameter
    path.write_bytes(content)


CHANGES = {
    "vocab.txt": _swap_lines,
    "model.safetensors": _flip_bit,
    "config.json": lambda path: path.write_text(
        path.read_text().replace('"cell_clip": 3.0', '"cell_clip": 4')
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_damage_that_nothing_else_would_notice(directory, name, load_error):
    before = (directory / name).read_bytes()
    CHANGES[name](directory / name)
    assert (directory / name).read_bytes() != before
    assert load_error(ModelFileError, directory) == (
        f"{directory / name}: damaged, or changed since it was written (its checksum is not that of "
        "checksums.txt): copy the model again; if you changed it on purpose, delete checksums.txt"
    )
    (directory / "checksums.txt").unlink()
    load(directory)  # as directories of earlier versions


def test_the_weights_of_another_model_of_the_same_shape(directory, make, tmp_path, load_error):
    make(seed=4).save_pretrained(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", directory)
    assert f"{directory / 'model.safetensors'}: damaged" in load_error(ModelFileError, directory)


def test_a_missing_file(directory, load_error):
    (directory / "vocab.txt").unlink()
    assert load_error(MissingModelError, directory) == (
        f"{directory / 'vocab.txt'}: missing, but checksums.txt lists it: copy the model again"
    )


@pytest.mark.parametrize("content", [b"x", b"\xff\xfe\xff", b"0" * 64 + b"  ../config.json\n"])
def test_damaged_checksums(directory, content, load_error):
    (directory / "checksums.txt").write_bytes(content)
    assert load_error(ModelFileError, directory).startswith(f"{directory / 'checksums.txt'}")


def test_the_model_card_may_be_edited(directory):
    (directory / "README.md").write_text("About this model.")
    load(directory)


def test_line_ends_of_windows(directory):
    """Git may change them in a clone of a repository of the Hub."""
    words = load(directory).vocabulary.words
    for name in ("vocab.txt", "config.json"):
        content = (directory / name).read_bytes()
        (directory / name).write_bytes(content.replace(b"\n", b"\r\n"))
    assert load(directory).vocabulary.words == words


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
@pytest.mark.parametrize("name", ["model", *BUNDLED_MODELS])
def test_sha256sum_verifies_a_directory(directory, name):
    where = find_bundled_model(name) or directory
    done = subprocess.run(["sha256sum", "-c", "checksums.txt"], cwd=where, capture_output=True, check=False)
    assert done.returncode == 0
    listed = {line.split()[1] for line in (where / "checksums.txt").read_text().splitlines()}
    assert listed == {"config.json", "model.safetensors", "vocab.txt"}
