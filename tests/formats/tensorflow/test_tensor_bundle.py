"""The container of TensorFlow's checkpoints: every field of it, right and wrong."""

from __future__ import annotations

import random

import numpy as np
import pytest

from elmokit.errors import ModelFileError
from elmokit.formats.tensorflow.tensor_bundle import TensorBundle

TENSORS = {
    "a/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "a/kernel/Adagrad": np.full((3, 4), 0.5, np.float32),
    "a/scalar": np.array(7.5, np.float32),
    "b": np.arange(5, dtype=np.int64),
    "c/double": np.array([[0.1, 0.2]]),
    "c/half": np.array([0.25, 0.5], np.float16),
    "d/integer": np.array([-3], np.int32),
    "e/empty": np.zeros((0, 3), np.float32),
}


def _assert_reads(prefix, tensors=TENSORS):
    bundle = TensorBundle.open(prefix)
    assert bundle.entries.keys() == tensors.keys()
    for name, values in tensors.items():
        read = bundle.read(name)
        assert read.dtype == values.dtype
        assert read.shape == values.shape
        assert read.tobytes() == values.tobytes(), name


def _message(prefix):
    with pytest.raises(ModelFileError) as caught:
        TensorBundle.open(prefix)
    message = str(caught.value)
    assert message.isprintable(), "one line"
    return message


def test_every_type_and_shape(bundle_writer):
    _assert_reads(bundle_writer().write(TENSORS))


@pytest.mark.parametrize("rows_per_block", [1, 2, 3])
def test_an_index_of_many_blocks(rows_per_block, bundle_writer, table):
    _assert_reads(bundle_writer(table=table(rows_per_block=rows_per_block)).write(TENSORS))


def test_many_rows_between_restart_points(bundle_writer):
    tensors = {f"layer_{k:03d}/kernel": np.full(k % 7, k, np.float32) for k in range(200)}
    _assert_reads(bundle_writer().write(tensors), tensors)


def test_several_data_files(bundle_writer):
    prefix = bundle_writer(num_shards=3).write(TENSORS)
    assert prefix.with_name("model.ckpt-7.data-00002-of-00003").exists()
    _assert_reads(prefix)


def test_a_tensor_of_several_chunks(bundle_writer):
    values = np.random.default_rng(0).standard_normal((3, 200_000)).astype(np.float32)
    _assert_reads(bundle_writer().write({"wide": values}), {"wide": values})


def test_missing_data_files_are_all_named(bundle_writer):
    prefix = bundle_writer(num_shards=3).write(TENSORS)
    for shard in (0, 2):
        prefix.with_name(f"model.ckpt-7.data-0000{shard}-of-00003").unlink()
    message = _message(prefix)
    for shard in (0, 2):
        assert (
            f"{prefix}.data-0000{shard}-of-00003: no such file: expected the tensors of model.ckpt-7"
            in message
        )
    assert "data-00001" not in message


def test_a_truncated_data_file(bundle_writer):
    prefix = bundle_writer().write(TENSORS)
    data = prefix.with_name("model.ckpt-7.data-00000-of-00001")
    size = data.stat().st_size
    data.write_bytes(data.read_bytes()[:-1])
    assert _message(prefix) == f"{data}: truncated: {size - 1} bytes, expected at least {size}"


def test_a_data_file_that_is_cut_while_it_is_read(bundle_writer):
    prefix = bundle_writer().write(TENSORS)
    bundle = TensorBundle.open(prefix)
    prefix.with_name("model.ckpt-7.data-00000-of-00001").write_bytes(b"")
    with pytest.raises(ModelFileError, match="a/kernel: damaged"):
        bundle.read("a/kernel")


def test_a_flipped_bit_of_a_tensor(bundle_writer):
    prefix = bundle_writer().write(TENSORS)
    data = prefix.with_name("model.ckpt-7.data-00000-of-00001")
    content = bytearray(data.read_bytes())
    content[50] ^= 1
    data.write_bytes(content)
    bundle = TensorBundle.open(prefix)
    with pytest.raises(ModelFileError) as caught:
        bundle.read("a/kernel/Adagrad")
    assert str(caught.value) == (
        f"{data}: a/kernel/Adagrad: damaged (wrong checksum): copy the checkpoint again, or use another one"
    )
    assert bundle.read("a/kernel").tobytes() == TENSORS["a/kernel"].tobytes()


def test_more_tensors_than_any_model_has(bundle_writer, monkeypatch, index_problem):
    prefix = bundle_writer().write(TENSORS)
    monkeypatch.setattr("elmokit.formats.tensorflow.tensor_bundle._MAX_TENSORS", len(TENSORS))
    assert TensorBundle.open(prefix).entries.keys() == TENSORS.keys()
    monkeypatch.setattr("elmokit.formats.tensorflow.tensor_bundle._MAX_TENSORS", len(TENSORS) - 1)
    assert index_problem(prefix) == "more than 7 tensors"


def test_no_such_checkpoint(tmp_path):
    assert _message(tmp_path / "model.ckpt-1").startswith(
        f"{tmp_path}/model.ckpt-1.index: no such file: expected"
    )


def test_a_path_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    assert _message(tmp_path / "file" / "model.ckpt-1").startswith(f"{tmp_path}/file/model.ckpt-1.index: ")
    assert "File name too long" in _message(tmp_path / ("m" * 300))


def test_a_file_too_large_for_an_index_is_not_read(tmp_path):
    with (tmp_path / "model.ckpt-1.index").open("wb") as file:
        file.truncate(1 << 36)
    assert _message(tmp_path / "model.ckpt-1").endswith("larger than the index of any biLM checkpoint")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"endianness": 1}, "written on a big-endian machine, expected little-endian numbers"),
        ({"min_consumer": 2}, "needs a reader of version 2, this one has version 1"),
        ({"num_shards": 0}, "a/kernel: in data file 0 of 0"),
    ],
)
def test_a_header_that_asks_too_much(header, problem, bundle_writer, bundle_header, index_problem):
    assert index_problem(bundle_writer(header=bundle_header(**header)).write(TENSORS)) == problem


def test_no_header(bundle_writer, table, tmp_path, index_problem):
    (tmp_path / "m.index").write_bytes(table().build([(b"a", b"")]))
    assert index_problem(tmp_path / "m") == "no header"
    (tmp_path / "m.index").write_bytes(table().build([]))
    assert index_problem(tmp_path / "m") == "no header"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"shape": (1 << 20, 1 << 20)}, "48 bytes, expected 4398046511104 for shape (1048576, 1048576)"),
        ({"shape": (1 << 62, 0), "size": 0}, "0 bytes, expected 0 for shape (4611686018427387904, 0)"),
        ({"shape": ((1 << 64) - 1,)}, "48 bytes, expected 73786976294838206460"),
        ({"shape": (1,) * 33}, "33 dimensions, expected at most 32"),
        ({"size": 44}, "44 bytes, expected 48 for shape (3, 4)"),
        ({"dtype": 2}, "48 bytes, expected 96 for shape (3, 4)"),
        ({"shard": 1}, "in data file 1 of 1"),
    ],
)
def test_an_entry_that_cannot_be(changes, problem, bundle_writer, index_problem):
    message = index_problem(bundle_writer(changes={"a/kernel": changes}).write(TENSORS))
    assert message.startswith(f"a/kernel: {problem}")


@pytest.mark.parametrize("changes", [{"shape": (1 << 40,), "size": 4 << 40}, {"offset": 1 << 62}])
def test_a_tensor_larger_than_its_file_costs_no_memory(changes, bundle_writer):
    prefix = bundle_writer(changes={"a/kernel": changes}).write(TENSORS)
    expected = changes.get("offset", 0) + changes.get("size", 48)
    assert _message(prefix).endswith(
        f"data-00000-of-00001: truncated: 164 bytes, expected at least {expected}"
    )


def test_other_types_and_slices_are_left_to_the_reader(bundle_writer, protobuf):
    changes = {"b": {"dtype": 7}, "d/integer": {"more": protobuf(7, b""), "size": 0, "offset": 0}}
    bundle = TensorBundle.open(bundle_writer(changes=changes).write(TENSORS))
    assert bundle.entries["b"].dtype == 7
    assert bundle.entries["d/integer"].is_sliced
    assert [name for name, entry in bundle.entries.items() if not entry.is_readable] == ["b", "d/integer"]
    assert bundle.read("a/kernel").tobytes() == TENSORS["a/kernel"].tobytes()


def test_names_in_messages_are_printable(table, bundle_header, tmp_path, index_problem):
    rows = [(b"", bundle_header()), (b"\n\xff\x00", b"\x08\x01\x28\x05")]
    (tmp_path / "m.index").write_bytes(table().build(rows))
    assert r"'\n\\xff\x00': 5 bytes, expected 4" in index_problem(tmp_path / "m")


def test_damage_under_good_checksums_is_an_error_or_harmless(bundle_writer, table):
    """What a hostile writer could do: random bytes of the block, sealed again."""
    generator = random.Random(0)
    num_read, messages = 0, []
    for _ in range(300):

        def change(block: bytes) -> bytes:
            damaged = bytearray(block)
            for _ in range(generator.choice([1, 1, 2, 8])):
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
            return bytes(damaged)

        prefix = bundle_writer(table=table(change_block=change)).write(TENSORS)
        try:
            bundle = TensorBundle.open(prefix)
            for name, entry in bundle.entries.items():
                if entry.is_readable:
                    assert bundle.read(name).nbytes == entry.size <= 164
            num_read += 1
        except ModelFileError as error:
            messages.append(str(error))
    assert all(message.isprintable() for message in messages)
    assert num_read > 10
    assert len(messages) > 100
