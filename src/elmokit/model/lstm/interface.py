"""What every implementation of the LSTM layer computes, takes and returns.

The layer of Sak et al. 2014 as bilm-tf runs it, for row b and step t::

    i, j, f, o = split([x_t, h_{t-1}] W + bias)
    c_t = clip(sigmoid(f + 1) c_{t-1} + sigmoid(i) tanh(j))     to ±cell_clip
    h_t = clip((sigmoid(o) tanh(c_t)) W_P)                      to ±projection_clip

Positions are packed as :class:`~elmokit.batch.Batch` describes: step t holds the ``batch_sizes[t]`` first
rows, and the steps follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

FORGET_BIAS = 1.0  # added to the forget gate and not part of the stored bias


class LstmState(NamedTuple):
    """What an LSTM layer carries from one window to the next."""

    cell: Tensor
    """(B, H)"""
    hidden: Tensor
    """(B, P)"""


class LstmWeights(NamedTuple):
    """The parameters of a layer, laid out as bilm-tf stores them, and its clipping."""

    kernel: Tensor
    """(input_dim + P, 4H), gates in the order i, j, f, o."""
    bias: Tensor
    """(4H,)"""
    projection: Tensor | None
    """(H, P); None where the output is the gated cell itself, so that P = H."""
    cell_clip: float | None
    """Bound on the cell state, applied before the output's tanh."""
    projection_clip: float | None
    """Bound on the projected output."""


class LstmImplementation(Protocol):
    """A way to compute the layer; all of them give the same numbers."""

    def __call__(
        self, inputs: Tensor, batch_sizes: Sequence[int], state: LstmState, weights: LstmWeights
    ) -> tuple[Tensor, LstmState]:
        """Run the layer over a window.

        Args:
            inputs: (N, input_dim), packed.
            batch_sizes: number of rows at each step, never increasing; they sum to N.
            state: of at least ``batch_sizes[0]`` rows.
            weights: of the layer.

        Returns:
            The outputs (N, P), packed, and each row's state after its last step. Gradients flow neither into
            the state nor out of it: backpropagation is truncated at the window, as in the original.
        """
