"""Learning rates over a run."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from elmokit.config import Config
from elmokit.training.schedule import LearningRateSchedule, learning_rate_at


def test_the_rate_rises_and_falls_as_half_a_cosine():
    training = Config.load("tiny", ["learning_rate=2.0", "warmup=0.2"]).training
    rates = [learning_rate_at(step, 100, training) for step in range(100)]
    assert rates[:20] == pytest.approx([2.0 * (k + 1) / 21 for k in range(20)])
    assert rates[20] == 2.0
    assert rates[60] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(1 + math.cos(math.pi * 79 / 80))
    assert 0 < rates[99] < 0.001
    assert learning_rate_at(100, 100, training) == 0.0


def test_the_rate_rises_and_falls_in_straight_lines():
    training = Config.load("tiny", ["schedule=linear", "learning_rate=2.0", "warmup=0.2"]).training
    rates = [learning_rate_at(step, 100, training) for step in range(101)]
    expected = [*(2.0 * (k + 1) / 21 for k in range(20)), *(2.0 * k / 80 for k in range(80, -1, -1))]
    assert rates == pytest.approx(expected)


def test_the_rate_of_2018_is_constant():
    training = Config.load("original").training
    assert {learning_rate_at(step, 50, training) for step in range(60)} == {0.2}


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_the_shortest_runs_learn_something(num_steps, schedule):
    training = Config.load("tiny", [f"schedule={schedule}"]).training
    assert all(learning_rate_at(step, num_steps, training) > 0 for step in range(num_steps))


def test_the_schedule_sets_the_rate_of_the_optimizer():
    training = Config.load("tiny", ["learning_rate=2.0", "warmup=0.2"]).training
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=9.0)
    schedule = LearningRateSchedule(optimizer, training, 100)
    assert schedule.apply(60) == optimizer.param_groups[0]["lr"] == pytest.approx(1.0)
    schedule.factor = 0.25
    assert schedule.rate(60) == pytest.approx(0.25)
    resumed = LearningRateSchedule(optimizer, training, 100)
    resumed.load_state_dict(schedule.state_dict())
    assert resumed.rate(20) == 0.5
