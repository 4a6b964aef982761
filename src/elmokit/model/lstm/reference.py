"""The reference implementation of the LSTM layer: step by step, with gradients from autograd.

It is slow; the other implementations are tested and benchmarked against it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from elmokit.model.lstm.interface import FORGET_BIAS, LstmState, LstmWeights


def reference_lstm(
    inputs: Tensor, batch_sizes: Sequence[int], state: LstmState, weights: LstmWeights
) -> tuple[Tensor, LstmState]:
    """Run the layer; see :class:`~elmokit.model.lstm.interface.LstmImplementation`."""
    cell, hidden = state.cell.detach(), state.hidden.detach()
    outputs: list[Tensor] = []
    for step in inputs.split(list(batch_sizes)):
        num_rows = len(step)
        gates = torch.cat([step, hidden[:num_rows]], dim=1) @ weights.kernel + weights.bias  # (b, 4H)
        i, j, f, o = gates.chunk(4, dim=1)
        new_cell = torch.sigmoid(f + FORGET_BIAS) * cell[:num_rows] + torch.sigmoid(i) * torch.tanh(j)
        if weights.cell_clip is not None:
            new_cell = new_cell.clamp(-weights.cell_clip, weights.cell_clip)
        new_hidden = torch.sigmoid(o) * torch.tanh(new_cell)
        if weights.projection is not None:
            new_hidden = new_hidden @ weights.projection
            if weights.projection_clip is not None:
                new_hidden = new_hidden.clamp(-weights.projection_clip, weights.projection_clip)
        # Rows that have ended keep their state.
        cell = torch.cat([new_cell, cell[num_rows:]])
        hidden = torch.cat([new_hidden, hidden[num_rows:]])
        outputs.append(new_hidden)
    return torch.cat(outputs), LstmState(cell.detach(), hidden.detach())
