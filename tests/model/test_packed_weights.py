"""What is packed once, and when it is packed again."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from elmokit.kernels.library import is_available
from elmokit.kernels.matrices import PackedMatrix, pack
from elmokit.model.packed_weights import PackedWeights

pytestmark = pytest.mark.skipif(not is_available(), reason="the kernels were not compiled")


@pytest.fixture
def packings(monkeypatch):
    """A function that packs a parameter, and the list of what it packed."""
    made: list[PackedMatrix] = []
    weights, parameter = PackedWeights(), torch.nn.Parameter(torch.ones(3, 4))

    def packed(name: str = "kernel") -> PackedMatrix:
        def make() -> PackedMatrix:
            made.append(pack(parameter))
            return made[-1]

        return weights.get(name, parameter, "float32", make)

    return packed, made, weights, parameter


def test_in_inference_it_is_packed_once(packings):
    packed, made, _, parameter = packings
    with torch.inference_mode():
        assert packed() is packed()
        packed("other")
        assert len(made) == 2
    with torch.no_grad():
        parameter.mul_(2)
    with torch.inference_mode():
        assert packed().values.view(torch.float32).max() == 2


def test_in_training_it_is_packed_each_time(packings):
    packed, made, weights, _ = packings
    packed()
    packed()
    assert len(made) == 2
    assert not weights._kept


def test_copies_and_pickles_start_without_it(packings):
    packed, _, weights, _ = packings
    with torch.inference_mode():
        packed()
    assert weights._kept
    assert not copy.deepcopy(weights)._kept
    assert not pickle.loads(pickle.dumps(weights))._kept
