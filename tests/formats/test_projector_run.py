"""Runs for TensorBoard's projector, read back as TensorBoard reads them."""

from __future__ import annotations

import math
import re
import string
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.projector import projector_plugin
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from elmokit.errors import OutputError
from elmokit.formats.projector_run import metadata_field, write_projector_run

ROWS = [("one", 1), ("two", 2), ("three", 3)]
TENSORS = {
    "tokens (no context)": np.float32([[0.1, -2e30], [1e-40, -0.0], [math.pi, 7]]),
    "lstm 1": np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32),
    "zeros": np.zeros((3, 4), np.float32),
    # The first line is one letter, and no number.
    "text": np.frombuffer(b"a\n..........", np.float32).reshape(3, 1),
}


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "logs" / "run"


def write(directory: Path, tensors=TENSORS, rows=ROWS) -> None:
    write_projector_run(directory, tensors, ["word", "number"], rows)


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def config_of(directory: Path) -> ProjectorConfig:
    return text_format.Parse((directory / "projector_config.pbtxt").read_text(), ProjectorConfig())


def read_tensor(directory: Path, embedding) -> np.ndarray:
    path = str(directory / embedding.tensor_path)
    try:
        return projector_plugin._read_tensor_tsv_file(path)
    except UnicodeDecodeError:
        return projector_plugin._read_tensor_binary_file(path, embedding.tensor_shape)


def test_tensorboard_reads_every_tensor_to_the_last_bit(directory):
    write(directory)
    embeddings = config_of(directory).embeddings
    assert [embedding.tensor_name for embedding in embeddings] == list(TENSORS)
    for embedding, expected in zip(embeddings, TENSORS.values(), strict=True):
        assert embedding.metadata_path == "metadata.tsv"
        assert tuple(embedding.tensor_shape) == expected.shape
        assert read_tensor(directory, embedding).tobytes() == expected.tobytes()
    assert [Path(embedding.tensor_path).suffix for embedding in embeddings[1:]] == [".bytes", ".tsv", ".tsv"]
    assert (directory / "metadata.tsv").read_text() == "word\tnumber\none\t1\ntwo\t2\nthree\t3\n"


def test_the_directory_is_a_run_for_tensorboard(directory):
    write(directory)
    (path,) = directory.glob("events.out.tfevents.*")
    (record,) = RawEventFileLoader(str(path)).Load()  # checks length and checksums
    event = Event.FromString(record)
    assert event == Event(file_version="brain.Event:2")


def shown_by_the_page(field: str) -> str | None:
    """What the page makes of a field: empty ones are none, numbers are numbers."""
    text = field.strip()
    try:
        value = (
            0.0 if text == "" else math.nan if text.lower().lstrip("+-") in ("inf", "nan") else float(text)
        )
    except ValueError:
        return field
    if "_" in text or not text.isascii() or math.isnan(value):
        return field
    return None if value == 0 else str(int(value)) if value == int(value) else str(value)


@given(st.text() | st.text(string.digits + "+-.e \t\n\r\0\x85\u2028\ud800", max_size=5))
def test_any_text_is_one_field(value):
    field = metadata_field(value)
    field.encode()
    assert field.strip()
    assert "\t" not in field
    assert len(field.splitlines()) == 1
    assert re.sub("[\0-\x1f\x7f-\x9f]", "", field) == field
    assert metadata_field(field) == field
    assert shown_by_the_page(field) == field


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("word", "word"),
        ("two words", "two words"),
        ("\\alpha", "\\alpha"),
        ('"', '"'),
        ("日本語 👨‍👩‍👧 مى‌خواهم", "日本語 👨‍👩‍👧 مى‌خواهم"),
        ("a\tb\r\nc\0", "a\\tb\\r\\nc\\x00"),
        ("\u2028\u2029\x85\ud800", "\\u2028\\u2029\\x85\\ud800"),
        ("1812", "1812"),
        ("-5", "-5"),
        (1812, "1812"),
        (0, "0"),
        ("0", '"0"'),
        ("007", '"007"'),
        ("1.0", '"1.0"'),
        ("1e3", '"1e3"'),
        ("0x1F", '"0x1F"'),
        (".5", '".5"'),
        ("Infinity", '"Infinity"'),
        ("inf", "inf"),
        ("1,000", "1,000"),
        ("12345678901234567890", '"12345678901234567890"'),
        ("", '""'),
        (" ", '" "'),
    ],
)
def test_fields(value, field):
    assert metadata_field(value) == field


def test_the_same_again_is_the_same_bytes(directory, tmp_path):
    write(directory)
    write(tmp_path / "other")
    assert files(directory) == files(tmp_path / "other")


def test_a_run_replaces_the_one_before_and_nothing_else(directory):
    write(directory)
    (directory.parent / "events.out.tfevents.1.host").write_bytes(b"scalars")
    (directory.parent / ".run.0123456789abcdef.partial").mkdir()
    (directory.parent / ".run.0123456789abcdef.lock").touch()
    write(directory, {"lstm 1": TENSORS["lstm 1"][:1]}, ROWS[:1])
    assert sorted(path.name for path in directory.parent.iterdir()) == ["events.out.tfevents.1.host", "run"]
    assert sorted(files(directory)) == [
        "events.out.tfevents.0000000000.projector",
        "lstm-1.bytes",
        "metadata.tsv",
        "projector_config.pbtxt",
    ]


def test_what_others_have_written_is_kept(directory):
    directory.mkdir(parents=True)
    write(directory)  # an empty directory may be replaced
    (directory / "notes.txt").write_text("mine")
    before = files(directory)
    with pytest.raises(OutputError) as error:
        write(directory)
    assert str(error.value) == (
        f"{directory}: contains files that `elmokit projector` did not write (notes.txt): "
        "choose another log directory"
    )
    assert files(directory) == before


@pytest.mark.parametrize("name", ["projector_config.pbtxt", "events.out.tfevents.1.host"])
def test_the_run_of_another_program_is_kept(directory, name):
    directory.mkdir(parents=True)
    (directory / name).write_text('embeddings {\n  tensor_name: "theirs"\n}\n')
    before = files(directory)
    with pytest.raises(OutputError, match="already exists and was not written by `elmokit projector`"):
        write(directory)
    assert files(directory) == before


def test_a_directory_that_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("content")
    with pytest.raises(OutputError, match=r"file/run: cannot write: "):
        write(tmp_path / "file" / "run")
    with pytest.raises(OutputError, match="file already exists and was not written by"):
        write(tmp_path / "file")
    assert files(tmp_path) == {"file": b"content"}


@pytest.mark.parametrize("limit", [10, 100, 590])
def test_a_full_disk_leaves_what_was_there(limit, directory, largest_file):
    write(directory, rows=[("old", 1)] * 3)
    before = files(directory.parent)
    assert max(map(len, before.values())) > 590
    for name in ("run", "new"):
        with largest_file(limit), pytest.raises(OutputError, match=rf"{name}: cannot write: "):
            write(directory.with_name(name))
    assert files(directory.parent) == before
    assert [path.name for path in directory.parent.iterdir()] == ["run"]
