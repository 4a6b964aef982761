"""Padding values of sentences."""

from __future__ import annotations

import torch

from elmokit.model.padding import pad_rows


def test_values_are_arranged_by_the_mask():
    mask = torch.tensor([[True, True, False], [False, False, False], [True, False, True]])
    padded = pad_rows(torch.arange(1.0, 9.0).view(4, 2), mask)
    assert padded.shape == (3, 3, 2)
    assert padded[..., 0].tolist() == [[1.0, 3.0, 0.0], [0.0, 0.0, 0.0], [5.0, 0.0, 7.0]]


def test_gradients_reach_the_values():
    values = torch.ones(2, 3, requires_grad=True)
    mask = torch.tensor([[False, True, True]])
    (pad_rows(values, mask) * torch.arange(3.0)[None, :, None]).sum().backward()
    assert values.grad is not None
    assert values.grad[:, 0].tolist() == [1.0, 2.0]
