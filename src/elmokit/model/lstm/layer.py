"""One LSTM layer of a biLM: its parameters, and the choice of how it is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from elmokit.model.lstm.interface import LstmImplementation, LstmState, LstmWeights
from elmokit.model.lstm.packed import packed_lstm
from elmokit.model.lstm.reference import reference_lstm

IMPLEMENTATIONS: Mapping[str, LstmImplementation] = MappingProxyType(
    {"packed": packed_lstm, "reference": reference_lstm}
)
"""All implementations by name; a new one is one file and one entry, and is tested with the others."""


class ProjectedLstm(nn.Module):
    """One LSTM layer with projection and clipping (Sak et al. 2014).

    Args:
        input_dim: width of the input.
        cell_dim: width H of the cell.
        projection_dim: width P of the output; where it equals ``cell_dim`` there is no projection,
            and ``projection_clip`` is ignored, as in bilm-tf.
        cell_clip: bound on the cell state, applied before the output's tanh.
        projection_clip: bound on the projected output.
        always_project: use a projection even where the widths are equal, as in ELMoForManyLangs.
        implementation: name of one of :data:`IMPLEMENTATIONS`.

    ``kernel`` (input_dim + P, 4H), ``bias`` (4H,) and ``projection`` (H, P) are laid out as bilm-tf
    stores them, gates in the order i, j, f, o.
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
        implementation: str = "packed",
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

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize with Glorot-uniform kernels and zero bias, the defaults of the original's framework."""
        with torch.no_grad():
            nn.init.xavier_uniform_(self.kernel, generator=generator)
            self.bias.zero_()
            if self.projection is not None:
                nn.init.xavier_uniform_(self.projection, generator=generator)

    def zero_state(self, num_rows: int) -> LstmState:
        """Return the state of ``num_rows`` rows before their first token."""
        return LstmState(
            self.kernel.new_zeros(num_rows, self.cell_dim), self.kernel.new_zeros(num_rows, self.output_dim)
        )

    def forward(
        self, inputs: Tensor, batch_sizes: Sequence[int], state: LstmState
    ) -> tuple[Tensor, LstmState]:
        """Run the layer over a window.

        Args:
            inputs: (N, input_dim), packed as :class:`~elmokit.batch.Batch` describes.
            batch_sizes: number of rows at each step, never increasing; they sum to N.
            state: of at least ``batch_sizes[0]`` rows.

        Returns:
            The outputs (N, P), packed, and each row's state after its last step. Gradients flow neither
            into the state nor out of it.
        """
        weights = LstmWeights(self.kernel, self.bias, self.projection, self.cell_clip, self.projection_clip)
        return IMPLEMENTATIONS[self.implementation](inputs, batch_sizes, state, weights)
