"""The LSTM state that training carries from window to window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from elmokit.model.bilm import BiLM, BiLMState
from elmokit.model.lstm.interface import LstmState


class CarriedState:
    """The LSTM states of the batch rows that this process reads, in all directions and layers.

    Args:
        model: whose states they are.
        rows: the adjacent rows among those of all processes.
    """

    def __init__(self, model: BiLM, rows: range) -> None:
        self._device = model.device
        self._rows = rows
        self.values: BiLMState = model.zero_state(len(rows))

    def split(self, num_parts: int) -> list[BiLMState]:
        """Return the states of parts of the same number of adjacent rows."""
        if num_parts == 1:
            return [self.values]
        size = len(self._rows) // num_parts
        return [
            [
                [LstmState(*(value[start : start + size] for value in layer)) for layer in layers]
                for layers in self.values
            ]
            for start in range(0, len(self._rows), size)
        ]

    def replace(self, parts: Sequence[BiLMState]) -> None:
        """Carry the states that the parts have ended in."""
        if len(parts) == 1:
            self.values = parts[0]
            return
        self.values = [
            [
                LstmState(*(torch.cat(values) for values in zip(*layer_parts, strict=True)))
                for layer_parts in zip(*direction_parts, strict=True)
            ]
            for direction_parts in zip(*parts, strict=True)
        ]

    def reset_rows(self, keeps: np.ndarray) -> None:
        """Zero the states of the rows where ``keeps`` (B,) is False.

        Carried from window to window, a state is never zero again after the first window, and a model that
        has not seen zero states since then does badly from one.
        """
        mask = torch.from_numpy(keeps)[:, None].to(self._device, non_blocking=True)
        self.values = [
            [LstmState(layer.cell * mask, layer.hidden * mask) for layer in layers] for layers in self.values
        ]

    def state_dict(self) -> dict[str, Tensor]:
        """Return all states by name, such as ``direction0_layer1_cell``."""
        return {
            f"direction{d}_layer{k}_{name}": value
            for d, layers in enumerate(self.values)
            for k, layer in enumerate(layers)
            for name, value in layer._asdict().items()
        }

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from the states of a checkpoint, which has those of all processes."""
        rows = slice(self._rows.start, self._rows.stop)
        self.values = [
            [
                LstmState(
                    *(
                        tensors[f"direction{d}_layer{k}_{name}"][rows].to(self._device)
                        for name in LstmState._fields
                    )
                )
                for k in range(len(layers))
            ]
            for d, layers in enumerate(self.values)
        ]
