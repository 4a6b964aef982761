"""Clocks that were put back, before or while training, change nothing but the times that are told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from elmokit.formats.checkpoint import list_checkpoints, read_checkpoint

YEAR = 365 * 86400.0


@pytest.fixture
def falling_clock(monkeypatch) -> None:
    """Every look at the clock shows an earlier day."""
    days = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: 60 * YEAR - 86400.0 * next(days))


@pytest.fixture
def train(texts, make_trainer, run_cli):
    make_trainer(evaluations_per_epoch=4, log_interval=1).config.save(texts.directory / "c.json")

    def run(save_dir: str, num_steps: int) -> None:
        new = ["--train-prefix", "train-*", "--heldout-prefix", "heldout.txt", "--vocab-file", "vocab.txt"]
        given = ["--resume"] if list_checkpoints(Path(save_dir)) else [*new, "--config", "c.json"]
        result = run_cli("train", "--save-dir", save_dir, *given, f"max_steps={num_steps}")
        assert (result.exit_code, result.err) == (0, ""), result.err

    return run


def test_a_run_goes_on_under_a_falling_clock(train, request):
    train("straight", 12)
    train("run", 5)
    future = time.time() + YEAR
    for path in (*Path().glob("*.txt"), *Path("run").rglob("*"), *Path("cache").rglob("*")):
        os.utime(path, (future, future))  # texts that are as they were are recognised by their sentences
    request.getfixturevalue("falling_clock")
    train("run", 9)
    train("run", 12)
    one, other = (read_checkpoint(list_checkpoints(Path(name))[-1]).tensors for name in ("run", "straight"))
    for kind, tensors in other.items():
        assert all(torch.equal(one[kind][name], value) for name, value in tensors.items())


def test_tensorboard_reads_the_events_in_their_order(train, request):
    train("run", 5)
    request.getfixturevalue("falling_clock")
    train("run", 8)
    train("run", 12)
    assert len(list(Path("run/tensorboard").iterdir())) == 3
    events = EventAccumulator("run/tensorboard", size_guidance={"scalars": 0})
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == list(range(1, 13))
