"""An LSTM layer of a biLM: its parameters, and the choice of implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from elmokit.kernels.library import is_available
from elmokit.model.lstm.compiled import compiled_lstm
from elmokit.model.lstm.fused import fused_lstm
from elmokit.model.lstm.interface import LstmImplementation, LstmState, LstmWeights
from elmokit.model.lstm.packed import packed_lstm
from elmokit.model.lstm.reference import reference_lstm
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.precision import HasPrecision
from elmokit.model.spare_memory import SpareMemory

IMPLEMENTATIONS: Mapping[str, LstmImplementation] = MappingProxyType(
    {"fused": fused_lstm, "packed": packed_lstm, "reference": reference_lstm}
    | ({"compiled": compiled_lstm} if is_available() else {})
)
"""Implementations by name. Adding one takes one file and one entry; the tests cover all entries."""

DEFAULT_IMPLEMENTATION = "compiled" if is_available() else "fused"
"""Each passes on what it cannot compute: ``compiled``, for CPUs, to ``fused``, for CUDA devices, and that to
``packed``."""


class ProjectedLstm(HasPrecision):
    """An LSTM layer with projection and clipping (Sak et al. 2014).

    Args:
        input_dim: width of the input.
        cell_dim: width H of the cell.
        projection_dim: width P of the output. If it equals ``cell_dim``, there is no projection and
            ``projection_clip`` is ignored, as in bilm-tf.
        cell_clip: bound on the cell state, applied before the output's tanh; None for no clipping.
        projection_clip: bound on the projected output; None for no clipping.
        always_project: use a projection even if the widths are equal, as in ELMoForManyLangs.
        implementation: a name in :data:`IMPLEMENTATIONS`.

    The parameters ``kernel`` (input_dim + P, 4H), ``bias`` (4H,) and ``projection`` (H, P) have the layout of
    bilm-tf, with gates in the order i, j, f, o.
    """

    def __init__(
        self,
        input_dim: int,
        cell_dim: int,
        projection_dim: int,
        *,
        cell_clip: float | None,
        projection_clip: float | None,
        always_project: bool = False,
        implementation: str = DEFAULT_IMPLEMENTATION,
    ) -> None:
        super().__init__()
        has_projection = always_project or projection_dim != cell_dim
        self.input_dim = input_dim
        self.cell_dim = cell_dim
        self.output_dim = projection_dim
        self.cell_clip = cell_clip
        self.projection_clip = projection_clip if has_projection else None
        self.implementation = implementation
        self.kernel = nn.Parameter(torch.empty(input_dim + projection_dim, 4 * cell_dim))
        self.bias = nn.Parameter(torch.empty(4 * cell_dim))
        self.projection = nn.Parameter(torch.empty(cell_dim, projection_dim)) if has_projection else None
        self._packed = PackedWeights()
        self._spare = SpareMemory()

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize with Glorot-uniform kernels and zero bias, TensorFlow's defaults."""
        with torch.no_grad():
            nn.init.xavier_uniform_(self.kernel, generator=generator)
            self.bias.zero_()
            if self.projection is not None:
                nn.init.xavier_uniform_(self.projection, generator=generator)

    @property
    def weights(self) -> LstmWeights:
        """What the implementations take."""
        return LstmWeights(
            self.kernel,
            self.bias,
            self.projection,
            self.cell_clip,
            self.projection_clip,
            self.precision,
            self._packed,
            self._spare,
        )

    def zero_state(self, num_rows: int) -> LstmState:
        """Return the state of ``num_rows`` rows before their first token."""

        def zeros(width: int) -> Tensor:
            # Not kernel.new_zeros: under FSDP the kernel is a DTensor, and the state must be a plain tensor.
            return torch.zeros(num_rows, width, dtype=self.kernel.dtype, device=self.kernel.device)

        return LstmState(zeros(self.cell_dim), zeros(self.output_dim))

    def forward(
        self, inputs: Tensor, batch_sizes: Sequence[int], state: LstmState
    ) -> tuple[Tensor, LstmState]:
        """Run the layer over a window.

        Args:
            inputs: (N, input_dim), packed as in :class:`~elmokit.batch.Batch`.
            batch_sizes: number of rows at each step, never increasing; they sum to N.
            state: the state before the window, of at least ``batch_sizes[0]`` rows.

        Returns:
            The outputs (N, P), packed, and each row's state after its last step. No gradients flow through
            the states.
        """
        return IMPLEMENTATIONS[self.implementation](inputs, batch_sizes, state, self.weights)
