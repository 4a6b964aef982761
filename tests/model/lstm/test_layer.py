"""All implementations of the layer, compared with the reference, PyTorch's LSTM and numeric gradients."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from elmokit.model.lstm.interface import LstmState
from elmokit.model.lstm.layer import IMPLEMENTATIONS, ProjectedLstm
from elmokit.model.lstm.reference import reference_lstm

INPUT_DIM, CELL_DIM = 4, 5
FULL, SHRINKING, IDLE_TAIL = [3] * 6, [4, 4, 3, 3, 1], [3, 2, 2, 1, 1, 1]
# cell_clip, projection_clip, projection_dim; with a projection_dim of 5 there is no projection
GEOMETRIES = [(None, None, 3), (0.3, None, 3), (None, 0.2, 3), (0.3, 0.2, 3), (0.3, None, 5), (None, None, 5)]


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def implementation(request) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=GEOMETRIES, ids=lambda g: f"cell_clip={g[0]},projection_clip={g[1]},P={g[2]}")
def layer(request, implementation) -> ProjectedLstm:
    cell_clip, projection_clip, projection_dim = request.param
    return _layer(projection_dim, cell_clip, projection_clip, implementation)


def _layer(
    projection_dim: int, cell_clip: float | None, projection_clip: float | None, implementation: str
) -> ProjectedLstm:
    layer = ProjectedLstm(
        INPUT_DIM,
        CELL_DIM,
        projection_dim,
        cell_clip=cell_clip,
        projection_clip=projection_clip,
        implementation=implementation,
    ).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0.0, 0.6, generator=generator)
    return layer


def _random_case(layer: ProjectedLstm, batch_sizes: Sequence[int]) -> tuple[Tensor, LstmState, Tensor]:
    """Return inputs, a state, and weights for a loss over the outputs."""
    generator = torch.Generator().manual_seed(2)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    inputs = normal(sum(batch_sizes), INPUT_DIM).requires_grad_()
    bound = layer.cell_clip or 1.0
    cell = (normal(batch_sizes[0], CELL_DIM) * 0.3).clamp(-bound, bound)
    state = LstmState(cell, normal(batch_sizes[0], layer.output_dim) * 0.2)
    return inputs, state, normal(sum(batch_sizes), layer.output_dim)


@pytest.mark.parametrize("batch_sizes", [FULL, SHRINKING, IDLE_TAIL, [1]], ids=str)
def test_equals_the_reference(layer, batch_sizes):
    inputs, state, weights = _random_case(layer, batch_sizes)
    parameters = [inputs, *layer.parameters()]

    outputs, last = layer(inputs, batch_sizes, state)
    gradients = torch.autograd.grad((outputs * weights).sum(), parameters)
    plain_outputs, plain_last = reference_lstm(inputs, batch_sizes, state, layer.weights)
    plain_gradients = torch.autograd.grad((plain_outputs * weights).sum(), parameters)

    torch.testing.assert_close(outputs, plain_outputs, rtol=0, atol=1e-12)
    torch.testing.assert_close(last.cell, plain_last.cell, rtol=0, atol=1e-12)
    torch.testing.assert_close(last.hidden, plain_last.hidden, rtol=0, atol=1e-12)
    for gradient, plain in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(gradient, plain, rtol=1e-10, atol=1e-12)


def test_clips_have_an_effect(implementation):
    """Otherwise the comparisons with the reference would not test clipping."""
    clipped, free = _layer(3, 0.3, 0.2, implementation), _layer(3, None, None, implementation)
    inputs, state, _ = _random_case(clipped, FULL)
    outputs, last = clipped(inputs, FULL, state)
    share = (outputs.abs() == 0.2).double().mean()
    assert 0.1 < share < 0.9
    assert last.cell.abs().max() == 0.3
    assert last.cell.abs().min() < 0.3
    unclipped, _ = free(inputs, FULL, state)
    assert unclipped.abs().max() > 0.4


@pytest.mark.parametrize("projection_dim", [3, 5])
def test_equals_torch(projection_dim, implementation):
    """PyTorch has gates in the order i, f, g, o, and adds no forget bias."""
    layer = _layer(projection_dim, None, None, implementation)
    theirs = torch.nn.LSTM(
        INPUT_DIM, CELL_DIM, proj_size=0 if projection_dim == CELL_DIM else projection_dim
    ).double()
    order = torch.arange(4 * CELL_DIM).view(4, CELL_DIM)[[0, 2, 1, 3]].flatten()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(layer.kernel[:INPUT_DIM, order].t())
        theirs.weight_hh_l0.copy_(layer.kernel[INPUT_DIM:, order].t())
        theirs.bias_ih_l0.copy_(layer.bias[order])
        theirs.bias_hh_l0.zero_()
        theirs.bias_hh_l0[CELL_DIM : 2 * CELL_DIM] = 1.0
        if layer.projection is not None:
            theirs.weight_hr_l0.copy_(layer.projection.t())
    inputs, state, weights = _random_case(layer, FULL)

    outputs, last = layer(inputs, FULL, state)
    kernel, bias, grad_inputs = torch.autograd.grad(
        (outputs * weights).sum(), [layer.kernel, layer.bias, inputs]
    )
    their_outputs, (hidden, cell) = theirs(
        inputs.view(6, 3, INPUT_DIM), (state.hidden[None], state.cell[None])
    )
    of_inputs, of_hidden, of_bias, their_grad_inputs = torch.autograd.grad(
        (their_outputs.flatten(0, 1) * weights).sum(),
        [theirs.weight_ih_l0, theirs.weight_hh_l0, theirs.bias_ih_l0, inputs],
    )

    close = {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(outputs, their_outputs.flatten(0, 1), **close)
    torch.testing.assert_close(last.cell, cell[0], **close)
    torch.testing.assert_close(last.hidden, hidden[0], **close)
    torch.testing.assert_close(grad_inputs, their_grad_inputs, **close)
    torch.testing.assert_close(kernel[:, order], torch.cat([of_inputs, of_hidden], dim=1).t(), **close)
    torch.testing.assert_close(bias[order], of_bias, **close)


def test_numeric_gradients(layer):
    batch_sizes = [3, 2, 1]
    inputs, state, _ = _random_case(layer, batch_sizes)
    names = [name for name, _ in layer.named_parameters()]

    def run(inputs: Tensor, *parameters: Tensor) -> Tensor:
        values = dict(zip(names, parameters, strict=True))
        outputs: Tensor = torch.func.functional_call(layer, values, (inputs, batch_sizes, state))[0]
        return outputs

    assert torch.autograd.gradcheck(run, (inputs, *layer.parameters()))


def test_two_windows_equal_one(layer):
    inputs, state, _ = _random_case(layer, SHRINKING)
    outputs, last = layer(inputs, SHRINKING, state)
    first, between = layer(inputs[:8], SHRINKING[:2], state)
    three = LstmState(between.cell[:3], between.hidden[:3])
    second, end = layer(inputs[8:], SHRINKING[2:], three)
    torch.testing.assert_close(torch.cat([first, second]), outputs, rtol=0, atol=1e-14)
    torch.testing.assert_close(end.cell, last.cell[:3], rtol=0, atol=1e-14)
    torch.testing.assert_close(end.hidden, last.hidden[:3], rtol=0, atol=1e-14)
    # The fourth row ended with the first window.
    torch.testing.assert_close(between.cell[3], last.cell[3], rtol=0, atol=1e-14)
    torch.testing.assert_close(between.hidden[3], last.hidden[3], rtol=0, atol=1e-14)


def test_gradients_stop_at_the_window(layer):
    inputs, state, _ = _random_case(layer, FULL)
    cell, hidden = (part.clone().requires_grad_() for part in state)
    outputs, last = layer(inputs, FULL, LstmState(cell, hidden))
    assert outputs.requires_grad
    assert not last.cell.requires_grad
    assert not last.hidden.requires_grad
    outputs.sum().backward()
    assert cell.grad is None
    assert hidden.grad is None


def test_inputs_are_not_modified(layer):
    inputs, state, _ = _random_case(layer, SHRINKING)
    before = [part.detach().clone() for part in (inputs, *state, *layer.parameters())]
    outputs, _ = layer(inputs, SHRINKING, state)
    outputs_before = outputs.detach().clone()
    outputs.sum().backward()
    for part, kept in zip((inputs, *state, *layer.parameters()), before, strict=True):
        assert torch.equal(part, kept)
    assert torch.equal(outputs, outputs_before)


def test_rows_do_not_influence_each_other(layer):
    inputs, state, _ = _random_case(layer, FULL)
    outputs, _ = layer(inputs, FULL, state)
    alone, _ = layer(inputs[1::3], [1] * 6, LstmState(state.cell[1:2], state.hidden[1:2]))
    torch.testing.assert_close(outputs[1::3], alone, rtol=0, atol=1e-14)


def test_initialization():
    layer = ProjectedLstm(30, 50, 20, cell_clip=None, projection_clip=None)
    layer.reset_parameters(torch.Generator().manual_seed(0))
    assert not layer.bias.any()
    for values in (layer.kernel, layer.projection):
        bound = (6 / sum(values.shape)) ** 0.5
        assert 0.99 * bound < values.abs().max() <= bound
        assert values.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    again = ProjectedLstm(30, 50, 20, cell_clip=None, projection_clip=None)
    again.reset_parameters(torch.Generator().manual_seed(0))
    assert torch.equal(layer.kernel, again.kernel)
    state = layer.zero_state(7)
    assert state.cell.shape == (7, 50)
    assert state.hidden.shape == (7, 20)
    assert not state.cell.any()
    assert not state.hidden.any()
