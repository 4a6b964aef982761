"""The checkpoints of a run: which are kept, and that those of other runs are never touched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from elmokit.errors import OutputError
from elmokit.formats.checkpoint import TENSOR_FILES, Checkpoint, list_checkpoints
from elmokit.training.run_checkpoints import RunCheckpoints


def write(checkpoints: RunCheckpoints, step: int, best_step: int | None = None) -> Path:
    tensors = {name: {"values": torch.full((2,), float(step))} for name in TENSOR_FILES}
    checkpoint = Checkpoint(tensors, {"step": step})
    return checkpoints.write(checkpoint, step=step, best_step=best_step)


def names(save_dir: Path) -> list[int]:
    return [int(directory.name.removeprefix("step-")) for directory in list_checkpoints(save_dir)]


def test_the_last_two_and_the_best_are_kept(tmp_path):
    checkpoints = RunCheckpoints(tmp_path)
    assert checkpoints.is_empty
    kept = []
    for step in range(1, 6):
        write(checkpoints, step, best_step=2 if step >= 2 else None)
        kept.append(names(tmp_path))
    assert kept == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5]]
    assert checkpoints.read_last()[1].trainer["step"] == 5


def test_checkpoints_of_another_run_are_refused_and_never_deleted(tmp_path):
    earlier = RunCheckpoints(tmp_path)
    for step in (1, 2, 90):
        write(earlier, step)
    later = RunCheckpoints(tmp_path)
    with pytest.raises(OutputError, match="already holds a training run: continue it with --resume"):
        later.refuse_others()
    before = names(tmp_path)
    for step in (4, 5, 6, 7):
        write(later, step)
    assert set(before) <= set(names(tmp_path))


def test_a_resumed_run_owns_what_it_finds(tmp_path):
    for step in (1, 2):
        write(RunCheckpoints(tmp_path), step)
    resumed = RunCheckpoints(tmp_path)
    resumed.adopt(7)  # a checkpoint from elsewhere
    with pytest.raises(OutputError):
        resumed.refuse_others()
    resumed.adopt(2)
    resumed.refuse_others()
    for step in (3, 4):
        write(resumed, step)
    assert names(tmp_path) == [3, 4]
