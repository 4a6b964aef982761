"""Clipping by the global norm, with repeated rows of sparse gradients summed first."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from elmokit.training.gradients import clip_gradients


@pytest.fixture(autouse=True, params=["PyTorch", "Triton"])
def implementation(request) -> None:
    if request.param == "Triton":
        request.getfixturevalue("triton_device")


@pytest.fixture
def parameters() -> list[nn.Parameter]:
    """A dense gradient (norm 2), a sparse one that names a row twice (norm 3), and none."""
    dense, sparse, unused = (nn.Parameter(torch.zeros(3, 2)) for _ in range(3))
    dense.grad = torch.zeros(3, 2)
    dense.grad[1, 1] = 2.0
    rows = torch.tensor([[1.0, 0.0], [2.0, 0.0]])
    sparse.grad = torch.sparse_coo_tensor(torch.tensor([[2, 2]]), rows, (3, 2), check_invariants=True)
    return [dense, sparse, unused]


def test_the_norm_is_that_of_all_dense_gradients(parameters):
    assert float(clip_gradients(parameters, 10.0)) == pytest.approx(math.sqrt(13))
    assert parameters[0].grad[1, 1] == 2.0
    assert parameters[1].grad.to_dense()[2, 0] == 3.0


def test_gradients_are_scaled_to_the_largest_norm_allowed(parameters):
    assert float(clip_gradients(parameters, 1.0)) == pytest.approx(math.sqrt(13))
    clipped = [parameter.grad.to_dense() for parameter in parameters[:2]]
    norm = math.sqrt(sum(float((part**2).sum()) for part in clipped))
    assert norm == pytest.approx(1.0)
    assert float(clipped[0][1, 1] / clipped[1][2, 0]) == pytest.approx(2 / 3)
    assert parameters[2].grad is None
