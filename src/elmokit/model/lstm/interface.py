"""The interface of LSTM implementations: what they compute, take and return.

The layer of Sak et al. 2014 as in bilm-tf, for one row at step t::

    i, j, f, o = split([x_t, h_{t-1}] W + bias)
    c_t = clip(sigmoid(f + 1) c_{t-1} + sigmoid(i) tanh(j))     to ±cell_clip
    h_t = clip((sigmoid(o) tanh(c_t)) W_P)                      to ±projection_clip

Positions are packed as in :class:`~elmokit.batch.Batch`: step t holds the first ``batch_sizes[t]`` rows, and
the steps follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from elmokit.kernels.precisions import Precision
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.spare_memory import SpareMemory

FORGET_BIAS = 1.0  # added to the forget gate; not part of the stored bias


class LstmState(NamedTuple):
    """The state that an LSTM layer carries from one window to the next."""

    cell: Tensor
    """(B, H)"""
    hidden: Tensor
    """(B, P)"""


class LstmWeights(NamedTuple):
    """The parameters of a layer, in the layout of bilm-tf, and its clipping bounds."""

    kernel: Tensor
    """(input_dim + P, 4H), gates in the order i, j, f, o."""
    bias: Tensor
    """(4H,)"""
    projection: Tensor | None
    """(H, P); None if the output is the gated cell itself, so that P = H."""
    cell_clip: float | None
    """Bound on the cell state, applied before the output's tanh; None for no clipping."""
    projection_clip: float | None
    """Bound on the projected output; None for no clipping."""
    precision: Precision
    """Of the matrix products; everything else is computed in the type of the weights."""
    packed: PackedWeights
    """Where implementations keep what they have packed."""
    spare: SpareMemory
    """Where they keep memory for the next window."""


class LstmImplementation(Protocol):
    """A function that computes the layer. All implementations give the same results."""

    def __call__(
        self, inputs: Tensor, batch_sizes: Sequence[int], state: LstmState, weights: LstmWeights
    ) -> tuple[Tensor, LstmState]:
        """Run the layer over a window.

        Args:
            inputs: (N, input_dim), packed.
            batch_sizes: number of rows at each step, never increasing; they sum to N.
            state: the state before the window, of at least ``batch_sizes[0]`` rows.
            weights: the layer's weights.

        Returns:
            The outputs (N, P), packed, and each row's state after its last step. No gradients flow through
            the states: backpropagation is truncated at the window, as in bilm-tf.
        """
