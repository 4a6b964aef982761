"""The compiled layer and products against the same in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elmokit.kernels.library import is_available
from elmokit.model.lstm.compiled import compiled_lstm
from elmokit.model.lstm.interface import LstmState, LstmWeights
from elmokit.model.lstm.reference import reference_lstm
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.spare_memory import SpareMemory

pytestmark = pytest.mark.skipif(not is_available(), reason="the kernels were not compiled")

TOLERANCE = {"float32": 2e-6, "bf16": 2e-2}
PRECISIONS = [name for name in ("float32", "bf16") if is_available(name)]
# Fewer rows than are multiplied at a time, more of them, several steps at a time, steps that shrink.
WINDOWS = [[1] * 5, [7] * 3, [130, 130], [40, 40, 40, 40, 39, 2, 1], [100, 97, 96, 20, 20, 20, 20, 20, 1]]
INPUT_DIM, CELL_DIM, OUTPUT_DIM = 21, 37, 19


def random(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def weights_of(precision: str, output_dim: int) -> LstmWeights:
    kernel = random(INPUT_DIM + output_dim, 4 * CELL_DIM, seed=1, scale=0.3).requires_grad_()
    bias = random(4 * CELL_DIM, seed=2).requires_grad_()
    projection = None
    if output_dim != CELL_DIM:
        projection = random(CELL_DIM, output_dim, seed=3, scale=0.3).requires_grad_()
    return LstmWeights(kernel, bias, projection, 0.9, 0.8, precision, PackedWeights(), SpareMemory())


def in_float64(weights: LstmWeights) -> LstmWeights:
    doubles = [None if w is None else w.detach().double().requires_grad_() for w in weights[:3]]
    return LstmWeights(*doubles, *weights[3:5], "float32", PackedWeights(), SpareMemory())


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("output_dim", [OUTPUT_DIM, CELL_DIM])
@pytest.mark.parametrize("batch_sizes", WINDOWS, ids=str)
def test_equals_the_reference_in_float64(batch_sizes, output_dim, precision):
    weights = weights_of(precision, output_dim)
    exact = in_float64(weights)
    inputs = random(sum(batch_sizes), INPUT_DIM, seed=4).requires_grad_()
    exact_inputs = inputs.detach().double().requires_grad_()
    state = LstmState(
        random(batch_sizes[0], CELL_DIM, seed=5, scale=0.3),
        random(batch_sizes[0], output_dim, seed=6, scale=0.2),
    )
    exact_state = LstmState(state.cell.double(), state.hidden.double())
    factors = random(sum(batch_sizes), output_dim, seed=7)

    outputs, last = compiled_lstm(inputs, batch_sizes, state, weights)
    expected, expected_last = reference_lstm(exact_inputs, batch_sizes, exact_state, exact)
    with torch.no_grad():
        not_kept, not_kept_last = compiled_lstm(inputs, batch_sizes, state, weights)
    (outputs * factors).sum().backward(retain_graph=True)
    (expected * factors.double()).sum().backward()

    tolerance = TOLERANCE[precision]
    assert torch.equal(outputs, not_kept)
    assert all(map(torch.equal, last, not_kept_last))
    torch.testing.assert_close(outputs.double(), expected, rtol=0, atol=tolerance)
    for found, value in zip(last, expected_last, strict=True):
        torch.testing.assert_close(found.double(), value, rtol=0, atol=tolerance)
    pairs = [(inputs, exact_inputs), *zip(weights[:3], exact[:3], strict=True)]
    gradients = [(a.grad.clone(), b.grad) for a, b in pairs if a is not None]
    for found, value in gradients:
        error = (found.double() - value).norm() / value.norm()
        # A cell beside its clipping bound may fall on the other side of it in bf16.
        assert error < (1e-5 if precision == "float32" else 0.1)

    # The gates that the first pass kept are still there for a second one, which may overwrite them.
    (outputs * factors).sum().backward()
    for (found, _), (tensor, _) in zip(
        gradients, [pair for pair in pairs if pair[0] is not None], strict=True
    ):
        torch.testing.assert_close(tensor.grad, 2 * found, rtol=0, atol=0)
