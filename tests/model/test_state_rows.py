"""Rows of LSTM states."""

from __future__ import annotations

import numpy as np
import torch

from elmokit.model.lstm.interface import LstmState
from elmokit.model.state_rows import replace_first_rows, select_rows


def make_state(num_rows: int, offset: float = 0.0):
    def part(number: int, width: int) -> torch.Tensor:
        return torch.arange(num_rows * width).view(num_rows, width) + 1000.0 * number + offset

    return [[LstmState(part(2 * d + k, 4), part(2 * d + k + 9, 3)) for k in range(2)] for d in range(2)]


def parts_of(state) -> list[torch.Tensor]:
    return [part for layers in state for layer in layers for part in layer]


def test_select_rows():
    state = make_state(4)
    for rows in (np.array([2, 0, 3, 1]), slice(2)):
        selected = select_rows(state, rows)
        assert isinstance(selected[1][1], LstmState)
        for part, whole in zip(parts_of(selected), parts_of(state), strict=True):
            assert torch.equal(part, whole[rows])


def test_replace_first_rows():
    state, new = make_state(5), make_state(2, offset=0.5)
    replaced = replace_first_rows(state, new)
    for part, old, first in zip(parts_of(replaced), parts_of(state), parts_of(new), strict=True):
        assert torch.equal(part, torch.cat([first, old[2:]]))
    assert all(torch.equal(a, b) for a, b in zip(parts_of(state), parts_of(make_state(5)), strict=True))
