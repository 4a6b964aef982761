"""The LSTM layers of one direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from elmokit.config import ModelConfig
from elmokit.model.lstm.interface import LstmState
from elmokit.model.lstm.layer import ProjectedLstm

DirectionState: TypeAlias = list[LstmState]
"""The states of one direction's layers, bottom first."""

DropoutMasks: TypeAlias = Mapping[str, Tensor]
"""Factors (N, P) by the name of the activation that they multiply, such as ``forward_layer1_input``."""


class LstmStack(nn.ModuleList):
    """Stacked LSTM layers that read in one direction.

    Args:
        config: geometry of the biLM.
        name: ``forward`` or ``backward``, with which the names of activations begin.
    """

    def __init__(self, config: ModelConfig, name: str) -> None:
        lstm = config.lstm
        super().__init__(
            ProjectedLstm(
                lstm.projection_dim,
                lstm.cell_dim,
                lstm.projection_dim,
                cell_clip=lstm.cell_clip,
                projection_clip=lstm.projection_clip,
                always_project=config.lexicon is not None,
            )
            for _ in range(lstm.num_layers)
        )
        self.name = name
        self.skip_connections = lstm.skip_connections

    @property
    def layers(self) -> list[ProjectedLstm]:
        """The layers, bottom first."""
        return [layer for layer in self if isinstance(layer, ProjectedLstm)]

    @property
    def activation_names(self) -> list[str]:
        """Names of the activations that dropout applies to, in the order of computation."""
        return [*(f"{self.name}_layer{k}_input" for k in range(len(self))), f"{self.name}_output"]

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize every layer as bilm-tf does."""
        for layer in self.layers:
            layer.reset_parameters(generator)

    def zero_state(self, num_rows: int) -> DirectionState:
        """Return the states of ``num_rows`` rows before their first token."""
        return [layer.zero_state(num_rows) for layer in self.layers]

    def forward(
        self,
        tokens: Tensor,
        batch_sizes: Sequence[int],
        state: DirectionState,
        dropout: DropoutMasks | None = None,
        *,
        num_layers: int | None = None,
    ) -> tuple[list[Tensor], DirectionState]:
        """Run the layers over a window.

        Args:
            tokens: (N, P) token vectors, packed as in :class:`~elmokit.batch.Batch`, in reading order of the
                direction.
            batch_sizes: number of rows at each step.
            state: one state per layer.
            dropout: masks for the input of every layer and the top output; None for no dropout.
            num_layers: number of layers to run, from the bottom; None for all.

        Returns:
            The outputs (N, P) of the layers, bottom first, and their new states.
        """
        outputs: list[Tensor] = []
        new_state: DirectionState = []
        hidden = tokens
        for k, layer in enumerate(self.layers[:num_layers]):
            inputs = hidden if dropout is None else hidden * dropout[f"{self.name}_layer{k}_input"]
            hidden, layer_state = layer(inputs, batch_sizes, state[k])
            if k > 0 and self.skip_connections:
                hidden = hidden + inputs
            outputs.append(hidden)
            new_state.append(layer_state)
        if dropout is not None and len(outputs) == len(self):
            outputs[-1] = outputs[-1] * dropout[f"{self.name}_output"]
        return outputs, new_state
