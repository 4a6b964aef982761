"""Triton's convolution, compared with PyTorch's operations on the same tables."""

from __future__ import annotations

import pytest
import torch

from elmokit.model.char_cnn import _gradient_by_torch, _pooled_convolution_by_torch


@pytest.mark.parametrize(("width", "num_filters"), [(1, 5), (3, 300), (7, 16)])
def test_equals_pytorch(width, num_filters, triton_device):
    from elmokit.kernels.cuda.convolution import pooled_convolution, pooled_convolution_gradient

    generator = torch.Generator().manual_seed(width)
    table = torch.randn(20 * width, num_filters, generator=generator).to(triton_device)
    char_ids = torch.randint(20, (5, 12), generator=generator).to(triton_device)
    num_windows = torch.tensor([12, 5, 4, 2, 1]).clamp(max=12 - width + 1).to(triton_device)
    arguments = (table, char_ids, num_windows, width)
    (best, position), (expected, expected_position) = (
        pooled_convolution(*arguments),
        _pooled_convolution_by_torch(*arguments),
    )
    torch.testing.assert_close(best, expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(position, expected_position)
    gradient = torch.randn(best.shape, generator=generator).to(triton_device)
    torch.testing.assert_close(
        pooled_convolution_gradient(char_ids, position, gradient, len(table), width),
        _gradient_by_torch(char_ids, position, gradient, len(table), width),
        rtol=1e-5,
        atol=1e-5,
    )


def test_nan_is_kept(triton_device):
    from elmokit.kernels.cuda.convolution import pooled_convolution

    table = torch.zeros(3, 20, device=triton_device)
    table[1] = float("nan")
    char_ids, num_windows = (torch.tensor(x, device=triton_device) for x in ([[0, 1, 2]], [3]))
    assert pooled_convolution(table, char_ids, num_windows, 1)[0].isnan().all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device would be of no further use")
def test_symbols_outside_the_alphabet_are_refused(triton_device):
    from elmokit.kernels.cuda.convolution import pooled_convolution

    table, char_ids, num_windows = torch.zeros(3, 4), torch.tensor([[0, 3]]), torch.tensor([2])
    with pytest.raises(IndexError):
        pooled_convolution(table, char_ids, num_windows, 1)
