"""Large tensors, piece by piece."""

from __future__ import annotations

import pytest
import torch

from elmokit.training import pieces
from elmokit.training.pieces import map_pieces


@pytest.mark.parametrize("size", [1, 4, 7, 1000])
def test_pieces_cover_each_tensor_once(size, monkeypatch):
    monkeypatch.setattr(pieces, "_PIECE", size)
    groups = [(torch.zeros(3, 5), torch.rand(3, 5)), (torch.zeros(8), torch.rand(8))]
    sums = map_pieces(lambda target, source: target.add_(source).sum(), groups)
    for target, source in groups:
        assert torch.equal(target, source)
    expected = sum(source.sum() for _, source in groups)
    torch.testing.assert_close(torch.stack(sums).sum(), expected)


def test_tensors_that_are_not_contiguous_stay_whole(monkeypatch):
    monkeypatch.setattr(pieces, "_PIECE", 2)
    shapes = map_pieces(lambda tensor: tensor.shape, [(torch.zeros(4, 3).t(),)])
    assert shapes == [(3, 4)]
