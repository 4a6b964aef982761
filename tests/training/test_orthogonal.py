"""The orthogonalization of Muon against singular values, and against the iteration written out."""

from __future__ import annotations

import pytest
import torch

from elmokit.training.orthogonal import orthogonalized


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (9, 9), (1, 5)], ids=str)
def test_singular_values_become_about_one_and_singular_vectors_stay(shape):
    generator = torch.Generator().manual_seed(0)
    k = min(shape)
    left = torch.linalg.qr(torch.randn(shape[0], k, generator=generator)).Q
    right = torch.linalg.qr(torch.randn(shape[1], k, generator=generator)).Q
    values = torch.logspace(1, -0.8, k)  # the smallest one is 1/60 of the largest
    found = left.t() @ orthogonalized(left @ torch.diag(values) @ right.t()) @ right
    assert found.diagonal().min() > 0.65
    assert found.diagonal().max() < 1.25
    torch.testing.assert_close(found, torch.diag(found.diagonal()), atol=1e-3, rtol=0)


def test_it_is_the_iteration_of_muon():
    """Without the short cut over the small product, in float64."""
    matrix = torch.randn(7, 12, generator=torch.Generator().manual_seed(1))
    x = matrix.double() / matrix.double().norm()
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x @ x.t() @ x + 2.0315 * x @ x.t() @ x @ x.t() @ x
    torch.testing.assert_close(orthogonalized(matrix).double(), x, atol=1e-4, rtol=0)
    torch.testing.assert_close(orthogonalized(1e-6 * matrix), orthogonalized(matrix), atol=1e-4, rtol=0)


def test_zeros_stay_zeros():
    assert torch.equal(orthogonalized(torch.zeros(3, 4)), torch.zeros(3, 4))
