"""Sorted tables, read as the index of a checkpoint: damaged ones say what is wrong."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from elmokit.errors import MissingExtraError
from elmokit.errors.installation import install_command
from elmokit.formats.tensorflow.tensor_bundle import TensorBundle

TENSORS = {
    "a/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "a/kernel/Adagrad": np.full((3, 4), 0.5, np.float32),
    "b": np.arange(5, dtype=np.int64),
}


def test_a_flipped_bit_of_the_index(bundle_writer, index_problem):
    prefix = bundle_writer().write(TENSORS)
    index = prefix.with_name("model.ckpt-7.index")
    content = index.read_bytes()
    index.write_bytes(content.replace(b"/kernel", b"/kervel", 1))
    assert index_problem(prefix) == "the checksum of a block is wrong"


@pytest.mark.parametrize("content", [b"", b"short", b"version https://git-lfs.github.com/spec/v1\n" * 5])
def test_not_an_index(content, tmp_path, index_problem):
    (tmp_path / "model.ckpt-1.index").write_bytes(content)
    assert index_problem(tmp_path / "model.ckpt-1").startswith("it does not end like a table")


def test_the_last_bytes_of_an_index(bundle_writer, index_problem):
    prefix = bundle_writer().write(TENSORS)
    index = prefix.with_name("model.ckpt-7.index")
    index.write_bytes(index.read_bytes()[-8:])
    assert index_problem(prefix) == "a block extends beyond the file"


def test_a_compressed_index(bundle_writer, table, index_problem):
    problem = index_problem(bundle_writer(table=table(compression=1)).write(TENSORS))
    assert problem == "compressed (Snappy), unlike any TensorFlow checkpoint"
    assert index_problem(bundle_writer(table=table(compression=9)).write(TENSORS)).startswith(
        "compressed (number 9)"
    )


def test_keys_out_of_order_and_twice(table, bundle_header, tmp_path, index_problem):
    for keys in ((b"b", b"a"), (b"a", b"a")):
        rows = [(b"", bundle_header()), *((key, b"\x28\x00") for key in keys)]
        (tmp_path / "m.index").write_bytes(table().build(rows))
        assert index_problem(tmp_path / "m") == "its keys are not sorted"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda block: block[:-4] + b"\xff\xff\xff\xff", "a block is too small for its restart points"),
        (lambda block: b"\x01" + block[1:], "a row extends beyond its block"),
        (lambda block: b"\x00\xff\x7f" + block[3:], "a row extends beyond its block"),
        (lambda block: b"\x00\x00\xff\x7f" + block[4:], "a row extends beyond its block"),
        (lambda block: b"\xff" * 20 + block, "an integer does not end"),
        (lambda block: b"", "a block extends beyond the file"),
    ],
)
def test_damaged_blocks_with_a_good_checksum(change, problem, bundle_writer, table, index_problem):
    assert index_problem(bundle_writer(table=table(change_block=change)).write(TENSORS)) == problem


def test_a_name_without_end(bundle_writer, index_problem):
    assert index_problem(bundle_writer().write({"n" * 2000: np.zeros(1, np.float32)})).startswith(
        "a row extends beyond its block"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda offset, size: (offset, 1 << 40),
        lambda offset, size: (1 << 63, size),
        lambda offset, size: (0, 0),
    ],
)
def test_blocks_outside_the_file(change, bundle_writer, table, index_problem):
    prefix = bundle_writer(table=table(change_handle=change)).write(TENSORS)
    assert index_problem(prefix) == "a block extends beyond the file"


def test_one_block_is_not_read_again_and_again(table, tmp_path, index_problem):
    # Blocks without rows, all at the position of the first: megabytes could be read millions of times.
    first = []

    def change(offset, size):
        first.append((offset, size))
        return first[0] if len(first) <= 100 else (offset, size)

    rows = [(bytes([k]), b"") for k in range(100)]
    no_rows = bytes(4 * 50) + (50).to_bytes(4, "little")
    content = table(rows_per_block=1, change_handle=change, change_block=lambda block: no_rows).build(rows)
    (tmp_path / "m.index").write_bytes(content)
    assert index_problem(tmp_path / "m") == "its blocks overlap"


def test_without_the_package_for_checksums(bundle_writer, monkeypatch):
    prefix = bundle_writer().write(TENSORS)
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    with pytest.raises(MissingExtraError) as caught:
        TensorBundle.open(prefix)
    assert str(caught.value) == (
        f"reading TensorFlow checkpoints needs an optional package: {install_command('tensorflow')}"
    )
