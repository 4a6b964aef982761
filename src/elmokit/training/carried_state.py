"""The LSTM state that training carries from window to window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from elmokit.model.bilm import BiLM, BiLMState
from elmokit.model.lstm.interface import LstmState


class CarriedState:
    """The LSTM states of all batch rows, directions and layers.

    Args:
        model: whose states they are.
        num_rows: B.
    """

    def __init__(self, model: BiLM, num_rows: int) -> None:
        self._device = model.device
        self.values: BiLMState = model.zero_state(num_rows)

    def reset_rows(self, keeps: np.ndarray) -> None:
        """Zero the states of the rows where ``keeps`` (B,) is False.

        Carried from window to window, a state is never zero again after the first window, and a model that
        has not seen zero states since then does badly from one.
        """
        mask = torch.from_numpy(keeps)[:, None].to(self._device)
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
        """Continue from the states of a checkpoint."""
        self.values = [
            [
                LstmState(
                    *(tensors[f"direction{d}_layer{k}_{name}"].to(self._device) for name in LstmState._fields)
                )
                for k in range(len(layers))
            ]
            for d, layers in enumerate(self.values)
        ]
