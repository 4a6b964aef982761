"""A full disk ends a run with one line; with room made it goes on as if nothing had happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from elmokit.formats.checkpoint import list_checkpoints, read_checkpoint

NUM_STEPS = 24


def records(save_dir: str) -> list[dict]:
    lines = (Path(save_dir) / "metrics.jsonl").read_text().splitlines()
    return [
        {key: value for key, value in json.loads(line).items() if key not in ("seconds", "tokens_per_second")}
        for line in lines
    ]


@pytest.fixture
def train(texts, make_trainer, run_cli):
    """Train or go on; the first run is undisturbed, the second ends early."""
    make_trainer(evaluations_per_epoch=10**6, log_interval=1).config.save(texts.directory / "c.json")

    def new(save_dir: str, *settings: str):
        return run_cli(
            *("train", "--train-prefix", "train-*", "--heldout-prefix", "heldout.txt"),
            *("--vocab-file", "vocab.txt", "--save-dir", save_dir, "--config", "c.json", *settings),
        )

    assert new("straight", f"max_steps={NUM_STEPS}").exit_code == 0
    assert new("run", "max_steps=9").exit_code == 0
    return lambda *settings: run_cli(
        "train", "--save-dir", "run", "--resume", f"max_steps={NUM_STEPS}", *settings
    )


def test_while_a_checkpoint_is_written(train, largest_file):
    before = {path.name: read_checkpoint(path).trainer for path in list_checkpoints(Path("run"))}
    with largest_file(8 << 10):
        result = train()
    fails_with(result, "run/checkpoints/step-000000")
    assert {path.name: read_checkpoint(path).trainer for path in Path("run/checkpoints").iterdir()} == before
    assert_goes_on(train)


def test_while_records_are_written(train, largest_file):
    with largest_file((Path("run") / "metrics.jsonl").stat().st_size + 500):
        result = train()
    fails_with(result, "run/metrics.jsonl: cannot write: ")
    assert_goes_on(train)


def test_while_events_are_written(train, largest_file):
    with largest_file(60 << 10):
        result = train("histogram_interval=1")
    fails_with(result, "run/tensorboard: cannot write: ")
    assert_goes_on(train, "histogram_interval=0")


def test_before_the_first_event(train):
    Path("run/tensorboard").rename("elsewhere")
    Path("run/tensorboard").touch()
    fails_with(train(), "run/tensorboard: cannot write: ", "File exists")
    Path("run/tensorboard").unlink()
    assert_goes_on(train)


def fails_with(result, expected: str, reason: str = "File too large") -> None:
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert line.startswith(f"elmokit: {expected}")
    assert reason in line


def assert_goes_on(train, *settings: str) -> None:
    result = train(*settings)
    assert (result.exit_code, result.err) == (0, "")
    one, other = (read_checkpoint(list_checkpoints(Path(name))[-1]).tensors for name in ("run", "straight"))
    for kind, tensors in other.items():
        assert all(torch.equal(one[kind][name], value) for name, value in tensors.items())
    assert records("run") == records("straight")
