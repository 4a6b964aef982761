"""What the compiled kernels compute of a highway layer, compared with PyTorch in float64."""

from __future__ import annotations

import pytest
import torch

from elmokit.kernels.highway import highway_, highway_gradient
from elmokit.kernels.library import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="the kernels were not compiled")


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (5, 64)], ids=str)
def test_equals_pytorch(shape):
    generator = torch.Generator().manual_seed(0)
    gate, transform, features, gradient = (3 * torch.randn(shape, generator=generator) for _ in range(4))
    gate.view(-1)[0], transform.view(-1)[-1] = 200.0, -200.0
    exact = [values.double().requires_grad_() for values in (gate, transform, features)]
    share = torch.sigmoid(exact[0])
    expected = share * torch.relu(exact[1]) + (1 - share) * exact[2]
    expected.backward(gradient.double())

    outputs = highway_(gate, transform, features)
    torch.testing.assert_close(outputs.double(), expected.detach(), rtol=1e-6, atol=1e-6)
    for found, values in zip(highway_gradient(gate, transform, features, gradient), exact, strict=True):
        # A gate next to 1 is rounded by 2^-24, and so is what it leaves to the rest, times factors below 80.
        torch.testing.assert_close(found.double(), values.grad, rtol=1e-5, atol=80 / 2**24)


def test_nan_stays_nan():
    gate, transform, features = torch.zeros(1, 3), torch.zeros(1, 3), torch.zeros(1, 3)
    gate[0, 0] = transform[0, 1] = features[0, 2] = float("nan")
    assert highway_(gate, transform, features).isnan().all()
