"""Products by oneDNN, compared with float64, and what a row's result may depend on."""

from __future__ import annotations

import pytest
import torch

from elmokit.model import products
from elmokit.model.products import affine, product, row_tile

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
    assert torch.autograd.gradcheck(affine, (left, right, bias))
