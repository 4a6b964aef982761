"""Adam and learning rates; Adagrad is proved by the golden traces."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from elmokit.config import Config
from elmokit.training.optimizer import Adagrad, Adam, clip_gradients, learning_rate_at, make_optimizer


def parameters() -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return {
        "a": nn.Parameter(torch.randn(5, 3, generator=generator)),
        "b": nn.Parameter(torch.randn(4, generator=generator)),
    }


def test_adam_is_that_of_pytorch():
    mine, theirs = parameters(), parameters()
    optimizer = Adam(mine)
    reference = torch.optim.Adam(theirs.values(), betas=(0.9, 0.98), eps=6e-4)
    generator = torch.Generator().manual_seed(1)
    for step in range(20):
        rate = 0.01 / (step + 1)
        for name, parameter in mine.items():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
            theirs[name].grad = parameter.grad.clone()
        optimizer.step(rate)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
    for name, parameter in mine.items():
        torch.testing.assert_close(parameter, theirs[name], rtol=1e-5, atol=1e-7)
    assert optimizer.num_updates == 20


@pytest.mark.parametrize("kind", ["adam", "adagrad"])
def test_a_sparse_gradient_touches_its_rows_alone_and_as_a_dense_one_would(kind):
    training = Config.load("tiny", [f"optimizer={kind}", "initial_accumulator=0.5"]).training
    sparse, dense = parameters(), parameters()
    before = sparse["a"].detach().clone()
    optimizers = make_optimizer(sparse, training), make_optimizer(dense, training)
    rows = torch.tensor([3, 1, 3])
    values = torch.arange(9.0).reshape(3, 3)
    for _ in range(3):
        sparse["a"].grad = torch.sparse_coo_tensor(rows[None], values, (5, 3), check_invariants=True)
        dense["a"].grad = sparse["a"].grad.to_dense()
        for optimizer, chosen in zip(optimizers, (sparse, dense), strict=True):
            clip_gradients(chosen.values(), 1e9)
            optimizer.step(0.1)
    torch.testing.assert_close(sparse["a"][[1, 3]], dense["a"][[1, 3]])
    assert torch.equal(sparse["a"][[0, 2, 4]], before[[0, 2, 4]])
    for slot in optimizers[0].slots:
        torch.testing.assert_close(optimizers[0].slot(slot, "a"), optimizers[1].slot(slot, "a"))


def test_a_parameter_without_gradient_is_left_alone():
    chosen = parameters()
    before = chosen["b"].detach().clone()
    optimizer = Adagrad(chosen, initial_accumulator=1.0)
    chosen["a"].grad = torch.ones(5, 3)
    optimizer.step(0.1)
    assert torch.equal(chosen["b"], before)
    optimizer.zero_grad()
    assert chosen["a"].grad is None


def test_the_rate_rises_and_falls_as_half_a_cosine():
    training = Config.load("tiny", ["learning_rate=2.0", "warmup=0.2"]).training
    rates = [learning_rate_at(step, 100, training) for step in range(100)]
    assert rates[:20] == pytest.approx([2.0 * (k + 1) / 21 for k in range(20)])
    assert rates[20] == 2.0
    assert rates[60] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(1 + math.cos(math.pi * 79 / 80))
    assert 0 < rates[99] < 0.001
    assert learning_rate_at(100, 100, training) == 0.0


def test_the_rate_of_2018_is_constant():
    training = Config.load("original").training
    assert {learning_rate_at(step, 50, training) for step in range(60)} == {0.2}


@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_the_shortest_runs_learn_something(num_steps):
    training = Config.load("tiny").training
    assert all(learning_rate_at(step, num_steps, training) > 0 for step in range(num_steps))
