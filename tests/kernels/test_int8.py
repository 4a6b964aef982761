"""Products of 8-bit integers, of each variant that runs here, against the same integers in NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from elmokit.errors import ConfigError
from elmokit.kernels import library
from elmokit.kernels.matrices import add_product_, multiply, multiply_packed, pack, refuse_long_columns
from elmokit.model.lstm.compiled import compiled_lstm
from elmokit.model.lstm.interface import LstmState, LstmWeights
from elmokit.model.lstm.reference import reference_lstm
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.spare_memory import SpareMemory

LARGEST = {"avx2": 64, "avx512": 127}
"""The largest integer of a column."""
OWN = library.instruction_set()


@pytest.fixture(params=["avx2", "avx512"])
def largest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Use a variant of the library; what its columns are rounded to."""
    if OWN not in (request.param, "avx512"):
        pytest.skip("the processor does not have the instructions")
    monkeypatch.setattr(library, "instruction_set", lambda: request.param)
    library._load.cache_clear()
    if not library.is_available("int8"):
        library._load.cache_clear()
        pytest.skip("the kernels were not compiled, or the processor does not have the instructions")
    yield LARGEST[request.param]
    library._load.cache_clear()


def random(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def integers(values: np.ndarray, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the integers of each row, int64, and the scale of each row (N, 1), float32."""
    scales = np.abs(values).max(axis=1, keepdims=True) / np.float32(largest)
    factors = np.divide(np.float32(1), scales, out=np.zeros_like(scales), where=scales > 0)
    return np.rint(values.astype(np.float64) * factors).astype(np.int64), scales


def expected_product(left: Tensor, right: Tensor, largest: int) -> np.ndarray:
    rows, row_scales = integers(left.numpy(), 127)
    columns, column_scales = integers(np.ascontiguousarray(right.numpy().T), largest)
    return (rows @ columns.T).astype(np.float32) * (row_scales * column_scales.T)


@pytest.mark.parametrize(
    "shape", [(1, 3, 5), (97, 600, 70), (200, 33, 129), (5, 4099, 64), (2, 1, 1)], ids=str
)
def test_products_are_those_of_the_integers(shape, largest):
    num_rows, depth, num_columns = shape
    left, right = random(num_rows, depth, seed=1), random(depth, num_columns, seed=2)
    left[0] *= 1e6  # rows and columns have a scale each
    right[:, -1] *= 1e-6
    expected = expected_product(left, right, largest)
    packed = pack(right, "int8")
    np.testing.assert_array_equal(multiply_packed(left, packed).numpy(), expected)
    np.testing.assert_array_equal(
        multiply_packed(left, pack(right.t().contiguous().t(), "int8")).numpy(), expected
    )

    found = multiply(left.t().contiguous().t(), right, precision="int8")  # packed part by part
    np.testing.assert_array_equal(found.numpy(), expected)

    total = random(num_rows, num_columns, seed=3)
    sums = total.clone()
    add_product_(sums, left, right, precision="int8")
    np.testing.assert_allclose(
        sums.numpy(), total.numpy() + expected.astype(np.float64), rtol=1e-6, atol=1e-6
    )
    for rows in (slice(0, 1), slice(-1, None), slice(3, 90)):  # whatever the number of rows
        assert torch.equal(multiply_packed(left[rows], packed), multiply_packed(left, packed)[rows])


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_the_largest_totals_do_not_overflow(signs, largest):
    left, right = signs[0] * torch.ones(2, 1 << 16), signs[1] * torch.ones(1 << 16, 3)
    found = multiply_packed(left, pack(right, "int8"))
    torch.testing.assert_close(found, torch.full((2, 3), float(signs[0] * signs[1] << 16)), rtol=1e-6, atol=0)


def test_columns_whose_total_could_overflow_are_refused():
    refuse_long_columns(1 << 16, "int8")
    refuse_long_columns(1 << 20, "float32")
    with pytest.raises(ConfigError, match=r"int8: a matrix has 65,537 rows, .* 65,536: use float32"):
        refuse_long_columns((1 << 16) + 1, "int8")


def test_what_is_not_finite_stays_so(largest):
    left, right = random(6, 40, seed=1), random(40, 20, seed=2)
    exact = multiply_packed(left, pack(right, "int8"))
    left[1, 7], left[2, 39], left[3, 0] = torch.nan, torch.inf, -torch.inf
    left[4], left[5] = 0, 1e-40
    right[3, 5], right[39, 6] = torch.nan, torch.inf
    found = multiply_packed(left, pack(right, "int8"))
    assert found[1:4].isnan().all()
    assert found[:, 5:7].isnan().all()
    others = [k for k in range(20) if k not in (5, 6)]
    assert torch.equal(found[0, others], exact[0, others])
    assert not found[4:, others].any()


def weights_of(input_dim: int, cell_dim: int, output_dim: int) -> LstmWeights:
    kernel = random(input_dim + output_dim, 4 * cell_dim, seed=1, scale=0.3)
    projection = None if output_dim == cell_dim else random(cell_dim, output_dim, seed=3, scale=0.3)
    return LstmWeights(
        kernel, random(4 * cell_dim, seed=2), projection, 0.9, 0.8, "int8", PackedWeights(), SpareMemory()
    )


def test_a_step_of_a_layer(largest):
    """Against NumPy in float64, for the same integers."""
    input_dim, dim, num_rows = 21, 37, 11
    weights = weights_of(input_dim, dim, dim)
    inputs, cell, hidden = (
        random(num_rows, width, seed=seed, scale=0.4) for seed, width in enumerate((input_dim, dim, dim))
    )
    outputs, last = compiled_lstm(inputs, [num_rows], LstmState(cell, hidden), weights)
    gates = (
        expected_product(inputs, weights.kernel[:input_dim], largest).astype(np.float64)
        + expected_product(hidden, weights.kernel[input_dim:], largest)
        + weights.bias.numpy()
    )
    i, j, f, o = np.split(gates, 4, axis=1)

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    new_cell = np.clip(sigmoid(f + 1) * cell.numpy() + sigmoid(i) * np.tanh(j), -0.9, 0.9)
    np.testing.assert_allclose(last.cell.numpy(), new_cell, rtol=0, atol=2e-6)
    np.testing.assert_allclose(outputs.numpy(), sigmoid(o) * np.tanh(new_cell), rtol=0, atol=2e-6)


@pytest.mark.parametrize("batch_sizes", [[7] * 3, [130, 130], [100, 97, 20, 20, 1]], ids=str)
def test_a_layer_is_near_float64(batch_sizes, largest):
    weights = weights_of(64, 96, 48)
    state = LstmState(
        random(batch_sizes[0], 96, seed=5, scale=0.3), random(batch_sizes[0], 48, seed=6, scale=0.2)
    )
    inputs = random(sum(batch_sizes), 64, seed=4)
    outputs, _ = compiled_lstm(inputs, batch_sizes, state, weights)
    doubles = LstmWeights(
        *(w.double() for w in weights[:3]), *weights[3:5], "float32", PackedWeights(), SpareMemory()
    )
    expected, _ = reference_lstm(
        inputs.double(), batch_sizes, LstmState(state.cell.double(), state.hidden.double()), doubles
    )
    cosines = torch.cosine_similarity(outputs.double(), expected, dim=1)
    assert cosines.min() > 0.99
    assert cosines.mean() > 0.999
