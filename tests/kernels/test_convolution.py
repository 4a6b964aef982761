"""The compiled convolution, compared with PyTorch's operations on the same tables."""

from __future__ import annotations

import pytest
import torch

from elmokit.kernels.convolution import pooled_convolution, pooled_convolution_gradient
from elmokit.kernels.library import is_available
from elmokit.model.char_cnn import _gradient_by_torch, _pooled_convolution_by_torch

pytestmark = pytest.mark.skipif(not is_available(), reason="the kernels were not compiled")


@pytest.mark.parametrize("width", [1, 3, 7])
@pytest.mark.parametrize("num_filters", [1, 5, 32, 64, 130])
def test_equals_pytorch(width, num_filters):
    generator = torch.Generator().manual_seed(width)
    table = torch.randn(20 * width, num_filters, generator=generator)
    char_ids = torch.randint(20, (9, 12), generator=generator)
    num_windows = torch.tensor([12 - width + 1, 5, 5, 4, 3, 2, 1, 1, 1]).clamp(max=12 - width + 1)
    arguments = (table, char_ids, num_windows, width)
    (best, position), (expected, expected_position) = (
        pooled_convolution(*arguments),
        _pooled_convolution_by_torch(*arguments),
    )
    torch.testing.assert_close(best, expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(position, expected_position)
    gradient = torch.randn(best.shape, generator=generator)
    torch.testing.assert_close(
        pooled_convolution_gradient(char_ids, position, gradient, len(table), width),
        _gradient_by_torch(char_ids, position, gradient, len(table), width),
        rtol=1e-5,
        atol=1e-5,
    )


def test_the_first_of_equal_windows_is_chosen():
    table = torch.ones(3, 8)
    best, position = pooled_convolution(table, torch.zeros(1, 6, dtype=torch.int64), torch.tensor([6]), 1)
    assert torch.equal(best, torch.ones(1, 8))
    assert not position.any()


def test_nan_is_kept():
    table = torch.zeros(3, 20)
    table[1] = float("nan")
    best, _ = pooled_convolution(table, torch.tensor([[0, 1, 2]]), torch.tensor([3]), 1)
    assert best.isnan().all()
