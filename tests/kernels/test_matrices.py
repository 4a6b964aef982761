"""The compiled matrix products, compared with PyTorch in float64."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
import torch
from torch import Tensor

from elmokit.kernels.library import is_available
from elmokit.kernels.matrices import add_product_, multiply, multiply_packed, pack
from elmokit.model.lstm.layer import ProjectedLstm
from elmokit.model.spare_memory import SpareMemory

pytestmark = pytest.mark.skipif(not is_available(), reason="the kernels were not compiled")

PRECISIONS = [name for name in ("float32", "bf16") if is_available(name)]
# Less and more than is packed at a time: 96 rows, 512 or 1,024 of the depth, 1,024 columns of that depth.
SHAPES = [(1, 3, 5), (97, 600, 70), (200, 33, 129), (97, 1_300, 1_100), (5, 2_049, 64)]


def factors(num_rows: int, depth: int, num_columns: int, precision: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(num_rows)
    left = torch.randn(num_rows, depth, generator=generator)
    right = torch.randn(depth, num_columns, generator=generator)
    if precision == "bf16":  # so that nothing is rounded but the sums
        left, right = left.bfloat16().float(), right.bfloat16().float()
    return left, right


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=3e-4)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_packed_matrices(shape, precision):
    left, right = factors(*shape, precision)
    expected = left.double() @ right.double()
    for packed in (pack(right, precision), pack(right.t().contiguous().t(), precision)):
        found = multiply_packed(left, packed)
        assert_close(found, expected)
        assert torch.equal(multiply_packed(left[-1:], packed), found[-1:])  # whatever the number of rows


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_matrices_of_any_strides(shape, precision):
    left, right = factors(*shape, precision)
    bias = torch.linspace(-1, 1, shape[2])
    packed = multiply_packed(left, pack(right, precision), bias)
    assert_close(packed, left.double() @ right.double() + bias)
    wider = torch.cat([left, left], dim=1)[:, : shape[1]]
    lefts = (left, left.t().contiguous().t(), wider, torch.repeat_interleave(left, 2, dim=1)[:, ::2])
    rights = (right, right.t().contiguous().t(), torch.cat([right, right], dim=1)[:, : shape[2]])
    for own_left, own_right in itertools.product(lefts, rights):
        found = multiply(own_left, own_right, bias, precision=precision)
        assert torch.equal(found, packed)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_of_columns(shape, precision):
    left, right = factors(*shape, precision)
    total, weights = torch.ones(shape[0], shape[2]), torch.linspace(-1, 1, shape[1])
    sums, weighted = torch.ones(shape[2]), torch.ones(shape[2])
    for columns, row_weights in ((sums, None), (weighted, weights)):
        add_product_(
            total, left, right.t().contiguous().t(), precision=precision, column_sums=columns,
            row_weights=row_weights,
        )  # fmt: skip
    assert_close(total, 2 * (left.double() @ right.double()) + 1)
    assert_close(sums, right.double().sum(dim=0) + 1)
    assert_close(weighted, weights.double() @ right.double() + 1)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_nothing_to_multiply(precision):
    assert multiply(torch.ones(0, 3), torch.ones(3, 2), precision=precision).shape == (0, 2)
    assert multiply(torch.ones(2, 3), torch.ones(3, 0), precision=precision).shape == (2, 0)
    none = multiply(torch.ones(2, 0), torch.ones(0, 3), torch.ones(3), precision=precision)
    assert torch.equal(none, torch.ones(2, 3))
    assert torch.equal(multiply(torch.ones(2, 0), torch.ones(0, 3), precision=precision), torch.zeros(2, 3))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_not_finite_stays_in_its_row(precision):
    left, right = factors(9, 70, 40, precision)
    left[3, 5], left[4, 6] = float("nan"), float("inf")
    for own in (left, left.t().contiguous().t()):
        found = multiply(own, right, precision=precision)
        assert found[3].isnan().all()
        assert found[4].isinf().all()
        assert found[[0, 1, 2, 5, 6, 7, 8]].isfinite().all()


@pytest.fixture
def defaults_of_pytorch():
    """Put back what a test sets."""
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


@pytest.mark.usefixtures("defaults_of_pytorch")
@pytest.mark.parametrize(
    "choose", [partial(torch.set_default_dtype, torch.float16), partial(torch.set_default_device, "meta")]
)
def test_the_defaults_of_pytorch_do_not_matter(choose):
    left, right = factors(7, 40, 30, "float32")
    layer = ProjectedLstm(40, 8, 4, cell_clip=3.0, projection_clip=3.0)
    layer.reset_parameters(torch.Generator().manual_seed(0))
    state = layer.zero_state(7)

    def compute() -> list[Tensor]:
        outputs, _ = layer(left, [7], state)
        gradient = torch.autograd.grad(outputs.square().sum(), layer.kernel)[0]
        return [multiply(left, right), multiply_packed(left, pack(right)), outputs.detach(), gradient]

    expected = compute()
    layer._spare = SpareMemory()  # so that new memory is taken
    choose()
    found = compute()
    assert all(torch.equal(own, other) for own, other in zip(found, expected, strict=True))
