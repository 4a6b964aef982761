"""Selecting and replacing the rows of LSTM states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from elmokit.errors import ElmokitError
from elmokit.model.bilm import BiLMState
from elmokit.model.lstm.interface import LstmState


def require_state(state: object, *, num_rows: int = 0) -> None:
    """Refuse what is not a state, or one with too few rows.

    Raises:
        ElmokitError: saying what it is.
    """
    parts = [
        part
        for direction in (state if isinstance(state, list | tuple) else ())
        for layer in (direction if isinstance(direction, list | tuple) else ())
        for part in (layer if isinstance(layer, LstmState) else ())
    ]
    if not parts:
        raise ElmokitError(
            f"state: expected that of zero_state or of the call before, got {type(state).__name__}"
        )
    if len(parts[0]) < num_rows:
        raise ElmokitError(f"state: {len(parts[0])} slots, expected one for each of {num_rows} sentences")


def select_rows(state: BiLMState, rows: np.ndarray | slice) -> BiLMState:
    """Return the given rows of a state, for all directions and layers."""
    return _map_parts(lambda part: part[rows], state)


def replace_first_rows(state: BiLMState, new: BiLMState) -> BiLMState:
    """Return a state whose first rows are those of ``new`` and whose other rows are those of ``state``."""
    return _map_parts(lambda part, new_part: torch.cat([new_part, part[len(new_part) :]]), state, new)


def _map_parts(function: Callable[..., Tensor], *states: BiLMState) -> BiLMState:
    return [
        [
            LstmState(*(function(*parts) for parts in zip(*layers, strict=True)))
            for layers in zip(*directions, strict=True)
        ]
        for directions in zip(*states, strict=True)
    ]
