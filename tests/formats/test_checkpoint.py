"""Checkpoints are written whole, verified when read, and deleted only by the run that made them."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors import SafetensorError

from elmokit.errors import CheckpointError, OutputError
from elmokit.formats import checkpoint
from elmokit.formats.checkpoint import (
    Checkpoint,
    checkpoint_directory,
    checkpoint_step,
    list_checkpoints,
    read_best_checkpoint,
    read_checkpoint,
    remove_old_checkpoints,
    write_checkpoint,
)

TENSORS = {
    "model": {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([torch.pi])},
    "optimizer": {"a": torch.ones(2, 3).t()},
    "state": {"generator": torch.arange(5, dtype=torch.uint8), "none": torch.empty(0, 3)},
}
TRAINER = {"step": 3, "best_perplexity": 1 / 3, "big": 2**100, "config": {"x": None}}


@pytest.fixture
def directory(tmp_path):
    directory = checkpoint_directory(tmp_path, 3)
    write_checkpoint(directory, Checkpoint(TENSORS, dict(TRAINER)))
    return directory


def test_a_checkpoint_is_read_as_it_was_written(directory, tmp_path):
    assert directory == tmp_path / "checkpoints" / "step-00000003"
    found = read_checkpoint(directory)
    for group, tensors in TENSORS.items():
        assert found.tensors[group].keys() == tensors.keys()
        for name, value in tensors.items():
            assert torch.equal(found.tensors[group][name], value)
            assert found.tensors[group][name].dtype == value.dtype
    assert {key: found.trainer[key] for key in TRAINER} == TRAINER


def test_nothing_is_pickled(directory):
    assert sorted(path.name for path in directory.iterdir()) == [
        "model.safetensors",
        "optimizer.safetensors",
        "state.safetensors",
        "trainer.json",
    ]
    json.loads((directory / "trainer.json").read_text())


def test_another_format_version_is_refused(directory, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("elmokit.formats.checkpoint.FORMAT_VERSION", 99)
        write_checkpoint(directory, Checkpoint(TENSORS, dict(TRAINER)))
    with pytest.raises(CheckpointError, match=r"trainer\.json: format version 99, expected 3"):
        read_checkpoint(directory)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}", "\x00"])
def test_a_damaged_description(directory, content):
    (directory / "trainer.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"trainer\.json: damaged checkpoint"):
        read_checkpoint(directory)


@pytest.mark.parametrize("missing", ["checksums", "model.safetensors"])
def test_a_description_without_checksums(directory, missing):
    path = directory / "trainer.json"
    values = json.loads(path.read_text())
    del (values if missing == "checksums" else values["checksums"])[missing]
    path.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="damaged checkpoint"):
        read_checkpoint(directory)


def test_every_byte_of_the_tensors_is_guarded(directory):
    path = directory / "state.safetensors"
    content = path.read_bytes()
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match=r"state\.safetensors: damaged checkpoint"):
            read_checkpoint(directory)


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_leaves_nothing_behind(directory, monkeypatch, error):
    def full(tensors, file):
        file.write_bytes(b"half")
        raise error

    monkeypatch.setattr("elmokit.formats.checkpoint.save_file", full)
    with pytest.raises(OutputError, match=r"step-00000004: cannot write: .*No space left on device"):
        write_checkpoint(directory.with_name("step-00000004"), Checkpoint(TENSORS, dict(TRAINER)))
    assert [path.name for path in directory.parent.iterdir()] == ["step-00000003"]


def test_a_checkpoint_is_replaced_whole(directory):
    write_checkpoint(directory, Checkpoint(TENSORS | {"model": {"c": torch.ones(1)}}, dict(TRAINER)))
    assert list(read_checkpoint(directory).tensors["model"]) == ["c"]


def make_empty(save_dir, *steps):
    for step in steps:
        checkpoint_directory(save_dir, step).mkdir(parents=True)


def steps_in(save_dir):
    return [checkpoint_step(directory) for directory in list_checkpoints(save_dir)]


def test_order_and_removal(tmp_path):
    steps = (2, 10, 9, 100_000_000, 999)
    make_empty(tmp_path, *steps)
    (tmp_path / "checkpoints" / ".step-00000005.x.partial").mkdir()
    ordered = [checkpoint_directory(tmp_path, step) for step in sorted(steps)]
    assert list_checkpoints(tmp_path) == ordered
    remove_old_checkpoints(tmp_path, made=steps, step=999, keep={2}, keep_last=2)
    # The one after 999 is of no use: the run went on from an earlier one.
    assert list_checkpoints(tmp_path) == [ordered[0], ordered[2], ordered[3]]
    remove_old_checkpoints(tmp_path, made=steps, step=10, keep=set(), keep_last=2)
    assert list_checkpoints(tmp_path) == [ordered[0], ordered[2]]


def test_checkpoints_are_sorted_by_number(tmp_path):
    make_empty(tmp_path, 1_000_000_000, 999_999_999, 99_999_999)
    assert steps_in(tmp_path) == [99_999_999, 999_999_999, 1_000_000_000]


@pytest.mark.parametrize(
    "name", ["step-00000005.bak", "step-", "step-best", "step-5-copy", "old-step-00000005", "step-٥"]
)
def test_only_directories_named_step_and_digits_are_checkpoints(tmp_path, name):
    make_empty(tmp_path, 5)
    (tmp_path / "checkpoints" / name).mkdir()
    (tmp_path / "checkpoints" / "step-00000007").write_text("a file")
    assert list_checkpoints(tmp_path) == [checkpoint_directory(tmp_path, 5)]


@pytest.mark.parametrize("keep_last", [1, 2, 3, 9])
def test_fewer_checkpoints_than_are_kept(tmp_path, keep_last):
    make_empty(tmp_path, 3)
    remove_old_checkpoints(tmp_path, made={3}, step=3, keep=set(), keep_last=keep_last)
    assert steps_in(tmp_path) == [3]
    make_empty(tmp_path, 6)
    remove_old_checkpoints(tmp_path, made={3, 6}, step=6, keep=set(), keep_last=keep_last)
    assert steps_in(tmp_path) == ([6] if keep_last == 1 else [3, 6])


@pytest.mark.parametrize("step", [1, 5, 30])
def test_checkpoints_of_another_run_are_never_deleted(tmp_path, step):
    make_empty(tmp_path, 2, 4, 6, 8)
    make_empty(tmp_path, step)
    remove_old_checkpoints(tmp_path, made={step}, step=step, keep=set(), keep_last=2)
    assert steps_in(tmp_path) == sorted([2, 4, 6, 8, step])


def test_the_number_to_keep_counts_own_checkpoints_only(tmp_path):
    make_empty(tmp_path, 1, 2, 3, 4, 5)
    remove_old_checkpoints(tmp_path, made={1, 3, 5}, step=5, keep=set(), keep_last=2)
    assert steps_in(tmp_path) == [2, 3, 4, 5]


def test_no_checkpoints(tmp_path):
    assert list_checkpoints(tmp_path) == []


# --- the best one --------------------------------------------------------------------------------


@pytest.fixture
def best_and_newest(tmp_path):
    """Of step 3, the best one, and of step 5."""
    for step in (3, 5):
        trainer = TRAINER | {"step": step, "best_step": 3}
        write_checkpoint(checkpoint_directory(tmp_path, step), Checkpoint(TENSORS, trainer))
    return list_checkpoints(tmp_path)


def test_the_best_checkpoint_is_the_model(best_and_newest, tmp_path):
    directory, found, trainer = read_best_checkpoint(tmp_path)
    assert directory == best_and_newest[0]
    assert torch.equal(found.tensors["model"]["a"], TENSORS["model"]["a"])
    assert (trainer["step"], trainer["best_step"], trainer["best_perplexity"]) == (5, 3, 1 / 3)


@pytest.mark.parametrize("file", ["model.safetensors", "trainer.json"])
@pytest.mark.parametrize("which", [0, 1], ids=["best", "newest"])
def test_another_one_is_taken_only_when_the_damaged_one_is_deleted(best_and_newest, tmp_path, file, which):
    if (which, file) == (1, "model.safetensors"):
        (best_and_newest[1] / file).write_bytes(b"")
        assert read_best_checkpoint(tmp_path)[0] == best_and_newest[0]
        return
    damaged, whole = best_and_newest[which], best_and_newest[1 - which]
    (damaged / file).write_bytes(b"")
    with pytest.raises(CheckpointError) as error:
        read_best_checkpoint(tmp_path)
    message = str(error.value)
    assert message.startswith(f"{damaged / file}: damaged checkpoint (")
    assert message.endswith(f": restore it from a copy, or delete {damaged} to use another checkpoint")
    shutil.rmtree(damaged)
    directory, _, trainer = read_best_checkpoint(tmp_path)
    assert directory == whole
    assert trainer["best_step"] == (0 if which == 0 else 3)


def test_there_is_no_other_one(best_and_newest, tmp_path):
    shutil.rmtree(best_and_newest[0])
    (best_and_newest[1] / "trainer.json").write_text("")
    with pytest.raises(CheckpointError, match=r"damaged checkpoint \([^:]*: line 1 column 1 \(char 0\)\)$"):
        read_best_checkpoint(tmp_path)


@pytest.mark.parametrize("is_only_one", [True, False])
def test_a_checkpoint_that_is_replaced_while_it_is_read_is_looked_for_again(
    best_and_newest, tmp_path, monkeypatch, is_only_one
):
    """As a run does that goes on: it writes a better one and deletes the one that is being read."""
    if is_only_one:
        shutil.rmtree(best_and_newest[1])
    before = list_checkpoints(tmp_path)
    load_file = checkpoint.load_file

    def replaced(file):
        if before:
            trainer = {"step": 9, "best_step": 9, "best_perplexity": 1.0}
            write_checkpoint(checkpoint_directory(tmp_path, 9), Checkpoint(TENSORS, trainer))
            for directory in before:
                shutil.rmtree(directory)
            before.clear()
        return load_file(file)

    monkeypatch.setattr(checkpoint, "load_file", replaced)
    directory, found, newest = read_best_checkpoint(tmp_path)
    assert directory == checkpoint_directory(tmp_path, 9)
    assert (found.trainer["step"], newest["best_step"]) == (9, 9)


def test_a_checkpoint_that_is_being_renamed_is_waited_for(tmp_path, monkeypatch):
    directory = checkpoint_directory(tmp_path, 3)
    write_checkpoint(directory, Checkpoint(TENSORS, {"step": 3, "best_step": 0, "best_perplexity": None}))
    away = directory.with_name("away")
    directory.rename(away)
    monkeypatch.setattr(checkpoint.time, "sleep", lambda _: away.exists() and away.rename(directory))
    assert read_best_checkpoint(tmp_path)[0] == directory
