"""Adam against PyTorch's, Muon against its formulas, rows of sparse gradients, state dictionaries; Adagrad is
tested by the golden traces."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from elmokit.config import Config
from elmokit.training.gradients import clip_gradients
from elmokit.training.optimizer import Adagrad, Adam, Muon, make_optimizer


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
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
    for name, parameter in mine.items():
        torch.testing.assert_close(parameter, theirs[name], rtol=1e-5, atol=1e-7)
    assert optimizer.num_updates == 20


def test_muon_orthogonalizes_the_momentum_of_its_matrices_and_is_adam_for_the_rest():
    mine, adams = parameters(), parameters()
    optimizer, reference = Muon(mine, ["a"]), Adam(adams)
    generator = torch.Generator().manual_seed(1)
    expected, momentum = mine["a"].detach().double(), torch.zeros(5, 3, dtype=torch.float64)
    for step in range(10):
        rate = 0.1 / (step + 1)
        for name, parameter in mine.items():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
            adams[name].grad = parameter.grad.clone()
        gradient = mine["a"].grad.double()
        momentum = 0.95 * momentum + 0.05 * gradient
        x = 0.05 * gradient + 0.95 * momentum
        x = x / x.norm()
        for _ in range(5):
            x = 3.4445 * x - 4.7750 * x @ x.t() @ x + 2.0315 * x @ x.t() @ x @ x.t() @ x
        expected = expected - 0.1 * rate * 5**0.5 * x
        for chosen in (optimizer, reference):
            chosen.param_groups[0]["lr"] = rate
            chosen.step()
    torch.testing.assert_close(mine["a"].detach().double(), expected, rtol=0, atol=1e-5)
    assert torch.equal(mine["b"], adams["b"])
    assert optimizer.num_updates == 10
    assert (optimizer.slot("second_moment", "a") == 0).all()


def test_muon_leaves_a_matrix_without_gradient_alone():
    chosen = parameters()
    before = chosen["a"].detach().clone()
    optimizer = Muon(chosen, ["a"])
    chosen["b"].grad = torch.ones(4)
    optimizer.step()
    assert torch.equal(chosen["a"], before)


def test_the_matrices_of_muon_are_those_of_the_lstms(make_trainer):
    trainer = make_trainer(optimizer="muon", max_steps=1)
    list(trainer.run())
    adams = {
        name
        for name, _ in trainer.model.named_parameters()
        if trainer.optimizer.slot("second_moment", name).any()
    }
    rest = {name for name, _ in trainer.model.named_parameters()} - adams
    assert rest == {
        f"stacks.{d}.{k}.{name}" for d in (0, 1) for k in (0, 1) for name in ("kernel", "projection")
    }


def test_step_calls_a_closure_with_gradients_enabled_and_returns_its_loss():
    mine = parameters()
    optimizer = Adagrad(mine)
    optimizer.param_groups[0]["lr"] = 0.1
    before = mine["b"].detach().clone()

    def closure():
        loss = mine["b"].square().sum()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    torch.testing.assert_close(loss.detach(), before.square().sum())
    assert (mine["b"].abs() < before.abs()).all()


@pytest.mark.parametrize("implementation", ["PyTorch", "Triton"])
@pytest.mark.parametrize("kind", ["adam", "adagrad", "muon"])
def test_a_sparse_gradient_touches_its_rows_alone_and_as_a_dense_one_would(kind, implementation, request):
    if implementation == "Triton":
        request.getfixturevalue("triton_device")
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
            optimizer.param_groups[0]["lr"] = 0.1
            optimizer.step()
    torch.testing.assert_close(sparse["a"][[1, 3]], dense["a"][[1, 3]])
    assert torch.equal(sparse["a"][[0, 2, 4]], before[[0, 2, 4]])
    for slot in optimizers[0].slots:
        torch.testing.assert_close(optimizers[0].slot(slot, "a"), optimizers[1].slot(slot, "a"))


def test_a_parameter_without_gradient_is_left_alone():
    chosen = parameters()
    before = chosen["b"].detach().clone()
    optimizer = Adagrad(chosen, learning_rate=0.1, initial_accumulator=1.0)
    chosen["a"].grad = torch.ones(5, 3)
    optimizer.step()
    assert torch.equal(chosen["b"], before)
    optimizer.zero_grad()
    assert chosen["a"].grad is None


@pytest.mark.parametrize("kind", ["adam", "adagrad", "muon"])
def test_the_state_dict_of_pytorch_restores_everything(kind):
    training = Config.load("tiny", [f"optimizer={kind}"]).training
    straight, stopped = parameters(), parameters()
    one, other = make_optimizer(straight, training), make_optimizer(stopped, training)
    generator = torch.Generator().manual_seed(3)
    gradients = [torch.randn(5, 3, generator=generator) for _ in range(6)]
    for gradient in gradients[:3]:
        for chosen, optimizer in ((straight, one), (stopped, other)):
            chosen["a"].grad = gradient.clone()
            optimizer.step()
    resumed = make_optimizer(stopped, training)
    resumed.load_state_dict(other.state_dict())
    assert resumed.num_updates == 3
    for gradient in gradients[3:]:
        for chosen, optimizer in ((straight, one), (stopped, resumed)):
            chosen["a"].grad = gradient.clone()
            optimizer.step()
    assert torch.equal(straight["a"], stopped["a"])


def test_a_scheduler_of_pytorch_sets_the_rate():
    chosen = parameters()
    optimizer = Adagrad(chosen, learning_rate=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    chosen["a"].grad = torch.ones(5, 3)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_named_slots_are_those_of_a_checkpoint():
    chosen = parameters()
    optimizer = Adam(chosen)
    assert set(optimizer.named_slots()) == {
        f"{name}/{slot}" for name in "ab" for slot in ("first_moment", "second_moment")
    }
    optimizer.load_named_slots({"a/first_moment": torch.full((5, 3), 2.0)}, num_updates=7)
    assert (optimizer.slot("first_moment", "a") == 2).all()
    assert (optimizer.slot("second_moment", "a") == 0).all()
    assert optimizer.num_updates == 7


def test_the_compiler_of_pytorch_is_not_imported():
    """It takes seconds of every start. In a process of its own, since other tests import it."""
    program = """
import sys, torch
from elmokit.config import TrainingConfig
from elmokit.training.optimizer import make_optimizer

weight = torch.nn.Parameter(torch.ones(3))
optimizer = make_optimizer({"weight": weight}, TrainingConfig())
weight.sum().backward()
optimizer.step()
optimizer.zero_grad()
assert weight.grad is None and weight.tolist() != [1, 1, 1]
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("kind", [Adagrad, Adam])
def test_compiled_updates_are_those_of_pytorch(kind, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    shapes = {"dense": (700, 500), "rows": (90, 7), "bias": (90,)}  # the first in several pieces
    values = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    rows = torch.tensor([3, 8, 60])
    gradients = [
        {name: torch.randn(values[name][rows].shape, generator=generator) for name in ("rows", "bias")}
        | {"dense": torch.randn(shapes["dense"], generator=generator)}
        for _ in range(3)
    ]
    results = []
    for is_compiled in (True, False):
        if not is_compiled:
            monkeypatch.setattr("elmokit.training.optimizer.can_compute", lambda *_: False)
        own = {name: nn.Parameter(value.clone()) for name, value in values.items()}
        optimizer = kind(own)
        for step in gradients:
            own["dense"].grad = step["dense"].clone()
            for name in ("rows", "bias"):
                own[name].grad = torch.sparse_coo_tensor(rows[None], step[name], shapes[name])
            optimizer.step()
        results.append({name: value.detach() for name, value in own.items()} | optimizer.named_slots())
    for name, value in results[0].items():
        torch.testing.assert_close(value, results[1][name], rtol=1e-5, atol=1e-6)
        if name in ("rows", "bias"):
            untouched = [row for row in range(90) if row not in rows.tolist()]
            assert torch.equal(value[untouched], values[name][untouched])
