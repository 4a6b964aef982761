"""The layer by Triton's kernels, compared with the reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elmokit.model.lstm import fused
from elmokit.model.lstm.interface import LstmState
from elmokit.model.lstm.layer import ProjectedLstm
from elmokit.model.lstm.reference import reference_lstm
from elmokit.model.precision import set_precision

INPUT_DIM, CELL_DIM = 4, 5
SHRINKING = [4, 4, 3, 3, 1]
# cell_clip, projection_clip, projection_dim; with a projection_dim of 5 there is no projection
GEOMETRIES = [(None, None, 3), (0.3, 0.2, 3), (0.3, None, 5)]


@pytest.fixture(params=GEOMETRIES, ids=lambda g: f"cell_clip={g[0]},projection_clip={g[1]},P={g[2]}")
def layer(request, triton_device) -> ProjectedLstm:
    cell_clip, projection_clip, projection_dim = request.param
    layer = ProjectedLstm(
        INPUT_DIM,
        CELL_DIM,
        projection_dim,
        cell_clip=cell_clip,
        projection_clip=projection_clip,
        implementation="fused",
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0.0, 0.6, generator=generator)
    return layer.to(triton_device)


def _case(layer: ProjectedLstm) -> tuple[Tensor, LstmState, Tensor]:
    generator = torch.Generator().manual_seed(2)
    device = layer.kernel.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    num_positions, num_rows = sum(SHRINKING), SHRINKING[0] + 1  # one row has no step
    state = LstmState(normal(num_rows, CELL_DIM) * 0.1, normal(num_rows, layer.output_dim) * 0.1)
    return normal(num_positions, INPUT_DIM).requires_grad_(), state, normal(num_positions, layer.output_dim)


def _results(layer: ProjectedLstm, run) -> list[Tensor]:
    """Return outputs, states and gradients."""
    inputs, state, weights = _case(layer)
    outputs, last = run(inputs, SHRINKING, state)
    return [outputs, *last, *torch.autograd.grad((outputs * weights).sum(), [inputs, *layer.parameters()])]


@pytest.fixture
def launches(monkeypatch, triton_device) -> list[str]:
    """The kernels that were launched; without it a test might compare PyTorch with itself."""
    from elmokit.kernels.cuda import lstm as kernels

    names: list[str] = []

    def noted(name, function):
        def call(*args, **kwargs):
            names.append(name)
            return function(*args, **kwargs)

        return call

    for name in ("forward_step", "backward_step"):
        monkeypatch.setattr(kernels, name, noted(name, getattr(kernels, name)))
    return names


def test_equals_the_reference(layer, launches):
    found = _results(layer, layer)
    expected = _results(layer, lambda *args: reference_lstm(*args, layer.weights))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert launches == ["forward_step"] * 5 + ["backward_step"] * 5


def test_without_gradients(layer, launches):
    inputs, state, _ = _case(layer)
    before = [part.clone() for part in state]
    with torch.inference_mode():
        outputs, last = layer(inputs, SHRINKING, state)
    expected, expected_last = reference_lstm(inputs, SHRINKING, state, layer.weights)
    for one, other in zip((outputs, *last), (expected, *expected_last), strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=1e-4, atol=1e-5)
    for part, kept in zip(state, before, strict=True):
        assert torch.equal(part, kept)
    assert launches == ["forward_step"] * 5


def test_bf16_deviates_by_its_rounding(layer, launches):
    expected = _results(layer, layer)
    set_precision(layer, "bf16")
    found = _results(layer, layer)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        error = (one - other).norm() / other.norm()
        assert 1e-4 < error < 2e-2
    assert len(launches) == 20


def test_backward_twice(layer):
    """The saved values are not overwritten."""
    inputs, state, weights = _case(layer)
    outputs, _ = layer(inputs, SHRINKING, state)
    loss = (outputs * weights).sum()
    first = torch.autograd.grad(loss, [inputs, *layer.parameters()], retain_graph=True)
    second = torch.autograd.grad(loss, [inputs, *layer.parameters()])
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def test_recorded_windows(layer, monkeypatch):
    """Recorded steps read and write the same memory again; here they are called instead of replayed."""
    recorded: list[str] = []

    def record(steps):
        recorded.append(steps.__name__)
        return steps

    monkeypatch.setattr(fused, "can_record", lambda _: True)
    monkeypatch.setattr(fused, "record", record)
    generator = torch.Generator().manual_seed(7)
    sizes = (3, 3)

    def run(implementation, inputs: Tensor, state: LstmState) -> tuple[Tensor, LstmState]:
        result: tuple[Tensor, LstmState] = implementation(inputs, sizes, state)
        return result

    def reference(*args):
        return reference_lstm(*args, layer.weights)

    def case() -> tuple[Tensor, LstmState]:
        shapes = ((6, INPUT_DIM), (3, CELL_DIM), (3, layer.output_dim))
        inputs, *state = (0.5 * torch.randn(s, generator=generator).to(layer.kernel.device) for s in shapes)
        return inputs.requires_grad_(), LstmState(*state)

    cases = [case() for _ in range(5)]
    for number, (inputs, state) in enumerate(cases):
        with torch.no_grad():
            layer.bias += 0.1  # weights change from window to window
        found, expected = run(layer, inputs, state), run(reference, inputs, state)
        if number == 3:  # the memory of this window is in use until the next one has been computed
            other = run(layer, *cases[0])
            torch.autograd.grad(other[0].square().sum(), list(layer.parameters()))
        for one, other in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        wanted = [inputs, *layer.parameters()]
        gradients = [torch.autograd.grad(part[0].square().sum(), wanted) for part in (found, expected)]
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        del found, expected, other
    assert recorded == ["forward", "backward"]
