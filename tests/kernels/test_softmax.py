"""The compiled exponentials, compared with PyTorch in float64."""

from __future__ import annotations

import pytest
import torch

from elmokit.kernels.library import is_available
from elmokit.kernels.softmax import exponentials_

pytestmark = pytest.mark.skipif(not is_available(), reason="the kernels were not compiled")


@pytest.mark.parametrize("num_columns", [1, 7, 16, 100, 1024, 5003])
def test_equals_pytorch(num_columns):
    logits = 8 * torch.randn(5, num_columns, generator=torch.Generator().manual_seed(num_columns))
    values = logits.clone()
    maxima, sums = exponentials_(values)
    assert torch.equal(maxima, logits.amax(dim=1, keepdim=True))
    expected = torch.exp((logits - maxima).double())
    torch.testing.assert_close(values.double(), expected, rtol=3e-7, atol=1e-37)
    torch.testing.assert_close(sums.double(), expected.sum(dim=1, keepdim=True), rtol=3e-7, atol=0)


def test_extreme_logits():
    infinity = float("inf")
    rows = [
        [0.0, -1e30, -infinity, -80.0],
        [-infinity] * 4,
        [1e30, 0.0, 1e30, -1e30],
        [0.0, float("nan"), 1, 2],
    ]
    values = torch.tensor(rows)
    maxima, sums = exponentials_(values)
    assert values[0, :3].tolist() == [1.0, 0.0, 0.0]
    assert values[0, 3] > 0
    assert maxima[1] == 0
    assert sums[1] == 0
    assert values[2].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert sums[3].isnan()
