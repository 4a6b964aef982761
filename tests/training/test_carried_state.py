"""The LSTM state that training carries from window to window."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elmokit.training.carried_state import CarriedState


@pytest.fixture
def carried(make_config, make_model) -> CarriedState:
    carried = CarriedState(make_model(make_config("characters")), range(4))
    generator = torch.Generator().manual_seed(0)
    carried.load_state_dict(
        {
            name: torch.rand(value.shape, generator=generator) + 1
            for name, value in carried.state_dict().items()
        }
    )
    return carried


@pytest.mark.parametrize(
    "keeps", [[True, False, True, False], [True] * 4, [False] * 4], ids=["some", "none reset", "all reset"]
)
def test_rows_are_reset_as_a_whole_and_others_left_alone(carried, keeps):
    before = carried.state_dict()
    carried.reset_rows(np.array(keeps))
    after = carried.state_dict()
    assert after.keys() == before.keys()
    for name, value in after.items():
        for row, keep in enumerate(keeps):
            assert torch.equal(value[row], before[name][row]) if keep else not value[row].any()


def test_the_state_of_a_checkpoint_is_restored(carried, make_config, make_model):
    other = CarriedState(make_model(make_config("characters")), range(4))
    assert not any(value.any() for value in other.state_dict().values())
    other.load_state_dict(carried.state_dict())
    for name, value in other.state_dict().items():
        assert torch.equal(value, carried.state_dict()[name])
