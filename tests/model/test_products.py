"""Products by oneDNN, compared with float64, and what a row's result may depend on."""

from __future__ import annotations

import pytest
import torch

from elmokit.errors import ConfigError
from elmokit.kernels.library import is_available
from elmokit.model import products
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.products import (
    affine,
    choose_precision,
    operand,
    product,
    product_by_weights,
    row_tile,
)

SIZES = [(512, 64), (64, 1024), (128, 4096), (2048, 128), (30, 20)]


def _matrices(num_rows: int, depth: int, width: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(depth)
    return (
        torch.randn(num_rows, depth, generator=generator),
        torch.randn(depth, width, generator=generator) / depth**0.5,
        torch.randn(width, generator=generator),
    )


@pytest.mark.parametrize("has_onednn", [True, False])
@pytest.mark.parametrize(("depth", "width"), SIZES)
def test_equals_float64(depth, width, has_onednn, monkeypatch):
    monkeypatch.setattr(products, "_ONEDNN", has_onednn and products._ONEDNN)
    left, right, bias = _matrices(33, depth, width)
    exact = left.double() @ right.double()
    for num_rows in (1, 2, 33):
        torch.testing.assert_close(
            product(left[:num_rows], right).double(), exact[:num_rows], rtol=0, atol=2e-5
        )
    found = product(left, right, bias)
    torch.testing.assert_close(found.double(), exact + bias, rtol=0, atol=2e-5)
    transposed = product(right.t(), left.t())
    torch.testing.assert_close(transposed.double(), exact.t(), rtol=0, atol=2e-5)
    assert product(left[:0], right).shape == (0, width)


@pytest.mark.parametrize(("depth", "width"), SIZES)
def test_a_row_does_not_depend_on_the_others(depth, width):
    left, right, bias = _matrices(320, depth, width)
    whole = product(left, right, bias)
    tile = row_tile(depth * width)
    for num_rows in {tile, 2 * tile, 3 * tile, 48, 96, 160}:
        assert torch.equal(product(left[:num_rows], right, bias), whole[:num_rows])
        assert torch.equal(product(left[-num_rows:], right, bias), whole[-num_rows:])


def test_gradients():
    left, right, bias = (matrix.double().requires_grad_() for matrix in _matrices(3, 5, 4))
    assert torch.autograd.gradcheck(affine, (left, right, bias, "float32", PackedWeights()))


needs_bf16 = pytest.mark.skipif(not is_available("bf16"), reason="the processor has no products of bfloat16")


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_bf16), False])
@pytest.mark.parametrize(("depth", "width"), [*SIZES, (31, 65), (1, 1)])
def test_bf16_multiplies_rounded_numbers(depth, width, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(products, "can_compute", lambda *tensors, precision: False)
    left, right, bias = _matrices(33, depth, width)
    exact = left.bfloat16().double() @ right.bfloat16().double() + bias
    found = product(left, operand(right, "bf16"), bias)
    assert found.dtype == torch.float32
    # PyTorch rounds the sum as well.
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=3e-5 if compiled else 2e-2)
    transposed = product(right.t(), operand(left.t(), "bf16"))
    torch.testing.assert_close(transposed.double().t(), exact - bias, rtol=0, atol=3e-5 if compiled else 2e-2)


@needs_bf16
def test_a_row_in_bf16_does_not_depend_on_the_others():
    left, right, _ = _matrices(200, 300, 130)
    packed = operand(right, "bf16")
    whole = product(left, packed)
    for rows in (slice(0, 1), slice(3, 8), slice(90, 200)):
        assert torch.equal(product(left[rows], packed), whole[rows])


@needs_bf16
def test_bf16_keeps_what_is_not_finite():
    left = torch.tensor([[torch.inf, 1.0], [torch.nan, 1.0], [1e38, 1e38], [3.4e38, 0.0]])
    found = product(left, operand(torch.ones(2, 1), "bf16")).squeeze(1)
    assert found[0] == torch.inf
    assert found[1].isnan()
    assert found[2] == pytest.approx(2e38, rel=1e-2)
    assert found[3] == torch.inf  # the nearest bfloat16 of numbers next to the largest


@pytest.mark.parametrize("precision", ["float32", pytest.param("bf16", marks=needs_bf16)])
def test_gradients_of_an_affine_map(precision):
    left, right, bias = (t.requires_grad_() for t in _matrices(33, 128, 160))
    weights = torch.randn(33, 160, generator=torch.Generator().manual_seed(1))
    (affine(left, right, bias, precision, PackedWeights()) * weights).sum().backward()
    tolerance = {"float32": 1e-4, "bf16": 0.15}[precision]
    torch.testing.assert_close(left.grad, weights @ right.detach().t(), rtol=0, atol=tolerance)
    torch.testing.assert_close(right.grad, left.detach().t() @ weights, rtol=0, atol=tolerance)
    torch.testing.assert_close(bias.grad, weights.sum(dim=0), rtol=0, atol=1e-4)


def test_precisions_that_are_not_there_are_refused(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(products, "is_available", lambda precision: False)
    assert choose_precision("float32", cpu) == "float32"
    with pytest.raises(ConfigError, match=r"precision=bf16: needs .* AVX512_BF16.*: use float32"):
        choose_precision("bf16", cpu)
    with pytest.raises(ConfigError, match=r"precision=int8: needs .* AVX2, .*: use float32"):
        choose_precision("int8", cpu)
    with pytest.raises(ConfigError, match="precision=int8: is for CPUs, not cuda: use float32 or bf16"):
        choose_precision("int8", torch.device("cuda"))
    with pytest.raises(ConfigError, match="precision=half: expected float32, bf16 or int8"):
        choose_precision("half", cpu)


def test_int8_is_exact_where_the_kernels_do_not_apply():
    left, right, bias = (matrix.double() for matrix in _matrices(3, 5, 4))
    assert torch.equal(product(left, operand(right, "int8"), bias), torch.addmm(bias, left, right))


@pytest.mark.skipif(not is_available(), reason="the kernels were not compiled")
def test_in_inference_mode_weights_stay_packed_until_they_change():
    left, right, bias = _matrices(5, 64, 48)
    packed, weights = PackedWeights(), torch.nn.Parameter(right.clone())
    with torch.inference_mode():
        found = [product_by_weights(left, "a", weights, bias, "float32", packed) for _ in range(2)]
    assert list(packed._kept) == ["a"]
    assert all(torch.equal(own, product(left, right, bias)) for own in found)
    with torch.no_grad():
        weights.mul_(2)
    with torch.inference_mode():
        changed = product_by_weights(left, "a", weights, bias, "float32", packed)
    assert torch.equal(changed, product(left, 2 * right, bias))
    weightless = product_by_weights(left, "b", weights.detach(), bias, "float32", packed)
    assert torch.equal(weightless, changed)
    assert list(packed._kept) == ["a"]  # nothing is kept in training
