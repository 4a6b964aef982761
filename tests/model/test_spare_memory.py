"""Memory that is used again is not used by two at once."""

from __future__ import annotations

import pickle

import torch

from elmokit.model.lstm.layer import ProjectedLstm
from elmokit.model.spare_memory import SpareMemory


def test_gives_out_what_came_back_for_the_same_shape():
    spare = SpareMemory()
    first = spare.take(2, 3)
    assert spare.take(2, 3).data_ptr() != first.data_ptr()
    spare.give_back(first)
    assert spare.take(2, 3) is first
    spare.give_back(first)
    assert spare.take(3, 2).shape == (3, 2)
    assert spare.take(2, 3) is not first  # of another shape, so it was let go
    spare.give_back(first)
    assert pickle.loads(pickle.dumps(spare)).take(2, 3) is not first


def test_windows_whose_backward_passes_are_to_come_do_not_share_memory():
    layer = ProjectedLstm(6, 8, 4, cell_clip=3.0, projection_clip=3.0)
    layer.reset_parameters(torch.Generator().manual_seed(0))
    windows = [torch.randn(10, 6, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]

    def output(window):
        return layer(window, [5, 5], layer.zero_state(5))[0].square().sum()

    expected = [torch.autograd.grad(output(window), layer.kernel)[0] for window in windows]
    outputs = [output(window) for window in windows]
    kept = torch.autograd.grad(outputs[0], layer.kernel, retain_graph=True)[0]
    found = [torch.autograd.grad(value, layer.kernel)[0] for value in reversed(outputs)][::-1]
    assert torch.equal(kept, expected[0])
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
