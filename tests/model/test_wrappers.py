"""Hooks, functional calls, compilation and distributed wrappers can hold a BiLM."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from elmokit.batch import Batch
from elmokit.config import Config
from elmokit.kernels import library
from elmokit.model import products
from elmokit.model.bilm import BiLM, BiLMOutput
from elmokit.model.reading import DirectionOutput

NUM_WORDS, NUM_TYPES = 9, 6
BATCH_SIZES = (3, 3, 2, 1)


@pytest.fixture
def make(kind, make_config):
    """Make equal models of a kind, all of whose gradients are dense."""

    def make() -> BiLM:
        config: Config = make_config(kind)
        model = BiLM(config.model, NUM_WORDS, sparse_gradients=False)
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0.0, 0.4, generator=generator)
        return model

    return make


@pytest.fixture
def batch(kind, make) -> Batch:
    generator = torch.Generator().manual_seed(4)

    def ids(size: int) -> tuple[Tensor, ...]:
        directions = range(len(make().stacks))
        return tuple(torch.randint(size, (sum(BATCH_SIZES),), generator=generator) for _ in directions)

    return Batch(
        inputs=ids(NUM_TYPES),
        batch_sizes=BATCH_SIZES,
        char_ids=None if kind == "words" else torch.randint(261, (NUM_TYPES, 50), generator=generator),
        word_ids=torch.arange(NUM_TYPES) if kind == "words" else None,
        targets=ids(NUM_WORDS),
    )


def _total(output: BiLMOutput) -> Tensor:
    losses = [direction.total_loss for direction in output.directions]
    return torch.stack([loss for loss in losses if loss is not None]).sum()


def _step(model: nn.Module, batch: Batch) -> tuple[BiLMOutput, list[Tensor]]:
    """The output of two windows' second one, and the gradients of both."""
    first = model(batch)
    second = model(batch, first.state)
    (_total(first) + _total(second)).backward()
    gradients = []
    for parameter in model.parameters():
        assert parameter.grad is not None
        gradient = parameter.grad
        gradients.append(gradient.full_tensor() if isinstance(gradient, DTensor) else gradient)
    return second, gradients


def _assert_same(found: tuple[BiLMOutput, list[Tensor]], expected: tuple[BiLMOutput, list[Tensor]]) -> None:
    (output, gradients), (plain_output, plain_gradients) = found, expected
    assert isinstance(output, BiLMOutput)
    for direction, plain in zip(output.directions, plain_output.directions, strict=True):
        assert isinstance(direction, DirectionOutput)
        torch.testing.assert_close(direction.losses, plain.losses, rtol=0, atol=0)
        torch.testing.assert_close(direction.total_loss, plain.total_loss, rtol=0, atol=0)
        torch.testing.assert_close(direction.layers, plain.layers, rtol=0, atol=0)
    for gradient, plain_gradient in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(gradient, plain_gradient, rtol=1e-6, atol=1e-7)


@pytest.fixture
def one_process() -> Iterator[None]:
    """A process group of this process alone."""
    torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=torch.distributed.HashStore())
    yield
    torch.distributed.destroy_process_group()


def test_hooks_see_the_output(make, batch):
    model, seen = make(), []
    model.register_forward_hook(lambda module, arguments, output: seen.append((arguments, output)))
    output = model(batch)
    assert len(seen) == 1
    assert seen[0][0] == (batch,)
    assert seen[0][1] is output
    assert isinstance(output, BiLMOutput)


def test_hooks_of_every_part_are_called(make, batch):
    model = make()
    seen: list[str] = []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: seen.append(name))
    model(batch)
    expected = {"", "encoder", "softmax"} | {
        f"stacks.{direction}.{k}" for direction in range(len(model.stacks)) for k in range(2)
    }
    assert expected <= set(seen)


def test_functional_call(make, batch):
    model, other = make(), make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    parameters = dict(other.named_parameters())
    output = torch.func.functional_call(model, parameters, (batch,))
    expected = other(batch)
    assert torch.equal(_total(output), _total(expected))
    assert not torch.equal(_total(model(batch)), _total(expected))
    gradients = torch.autograd.grad(_total(output), list(parameters.values()))
    plain_gradients = torch.autograd.grad(_total(expected), list(parameters.values()))
    for gradient, plain in zip(gradients, plain_gradients, strict=True):
        assert torch.equal(gradient, plain)


@pytest.mark.parametrize("kind", ["words", pytest.param("characters", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("default")  # the compiler itself causes warnings
def test_compile(make, batch, monkeypatch):
    """The graph consists of PyTorch's operations, so it is compared with a model that does as well."""
    torch.compiler.reset()
    monkeypatch.setattr(library, "_load", lambda precision: None)
    monkeypatch.setattr(products, "_ONEDNN", False)
    _assert_same(_step(torch.compile(make(), backend="eager"), batch), _step(make(), batch))


@pytest.mark.usefixtures("one_process")
def test_distributed_data_parallel(make, batch):
    held = make()
    found = _step(nn.parallel.DistributedDataParallel(held), batch)
    _assert_same(found, _step(make(), batch))


@pytest.mark.usefixtures("one_process")
@pytest.mark.skipif(
    not hasattr(torch.cpu.Stream, "record_event"), reason="this PyTorch shards on accelerators only"
)
@pytest.mark.parametrize("whole", [True, False])
def test_fully_shard(whole, make, batch):
    """Sharded as a whole, or each part by itself."""
    mesh = init_device_mesh("cpu", (1,))
    model = make()
    if not whole:
        for stack in model.stacks:
            for layer in stack:
                fully_shard(layer, mesh=mesh)
        fully_shard(model.encoder, mesh=mesh)
        fully_shard(model.softmax, mesh=mesh)
    fully_shard(model, mesh=mesh)
    assert all(isinstance(parameter, DTensor) for parameter in model.parameters())
    _assert_same(_step(model, batch), _step(make(), batch))
