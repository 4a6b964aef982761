"""How many steps a run takes, and when it evaluates."""

from __future__ import annotations

import pytest

from elmokit.config import Config
from elmokit.training.length import RunLength


def length(num_predictions: int, *overrides: str) -> RunLength:
    config = Config.load("tiny", ["batch_size=4", "unroll_steps=5", *overrides])
    return RunLength(config.training, num_predictions)


@pytest.mark.parametrize(
    ("overrides", "num_steps"),
    [
        (["num_epochs=1"], 10),
        (["num_epochs=3"], 31),
        (["num_epochs=3", "max_steps=7"], 7),
        (["num_epochs=1", "max_steps=99"], 10),
    ],
)
def test_steps(overrides, num_steps):
    assert length(210, *overrides).num_steps == num_steps


def test_a_text_smaller_than_a_batch_still_gives_a_step():
    assert length(3, "num_epochs=1").num_steps == 1


def test_evaluations():
    assert length(400, "evaluations_per_epoch=4").evaluation_interval == 5
    assert length(400, "evaluations_per_epoch=1000").evaluation_interval == 1
    assert length(400).steps_per_epoch == 20
