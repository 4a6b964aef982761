"""The memory of a layer's run over a window on a CUDA device, and what is launched step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from elmokit.model.lstm.interface import FORGET_BIAS


class WindowGradients(NamedTuple):
    """Gradients of a window, and those that go from step to step."""

    gates: Tensor
    """(N, 4H), before their activation."""
    projected: Tensor
    """(N, P) of the outputs, which become those of the projection before clipping."""
    cell: Tensor
    """(B, H)"""
    hidden: Tensor
    """(B, P)"""
    gated: Tensor
    """(B, H)"""


class LstmWindow:
    """A run of a layer over a window, whose tensors stay where they are.

    Args:
        batch_sizes: number of rows at each step.
        kernel: (input_dim + P, 4H)
        projection: (H, P); None for no projection.
        cell_clip: bound on the cell; None for no clipping.
        projection_clip: bound on the projected output; None for no clipping.
        kind: type of the factors of products.
        keep: whether everything that the backward pass needs is kept.
    """

    def __init__(
        self,
        batch_sizes: tuple[int, ...],
        kernel: Tensor,
        projection: Tensor | None,
        *,
        cell_clip: float | None,
        projection_clip: float | None,
        kind: torch.dtype,
        keep: bool,
    ) -> None:
        cell_dim, num_positions, num_rows = kernel.shape[1] // 4, sum(batch_sizes), batch_sizes[0]
        output_dim = cell_dim if projection is None else projection.shape[1]
        self._batch_sizes, self._keep = batch_sizes, keep
        self._cell_clip, self._projection_clip = cell_clip, projection_clip

        def space(*shape: int, dtype: torch.dtype = kind) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=kernel.device)

        self.kernel = space(*kernel.shape)
        self.projection = None if projection is None else space(*projection.shape)
        self.cell_before = space(num_rows, cell_dim, dtype=torch.float32)
        self.hidden_before = space(num_rows, output_dim)
        self.gates = space(num_positions, 4 * cell_dim)
        """Sums of the inputs' products and the bias, to which the forward pass adds the rest."""
        # Without gradients only the cells of the present step are needed.
        self.cells = space(num_positions if keep else num_rows, cell_dim, dtype=torch.float32)
        self.outputs = space(num_positions, output_dim)
        self.gated_cells = self.outputs
        if projection is not None:
            self.gated_cells = space(len(self.cells), cell_dim)
        self.gradients: WindowGradients | None = None
        """Those of the last backward pass."""

    def fill(
        self, kernel: Tensor, projection: Tensor | None, cell_before: Tensor, hidden_before: Tensor
    ) -> None:
        """Copy the weights and the state before the window."""
        num_rows = self._batch_sizes[0]
        self.kernel.copy_(kernel)
        if self.projection is not None and projection is not None:
            self.projection.copy_(projection)
        self.cell_before.copy_(cell_before[:num_rows])
        self.hidden_before.copy_(hidden_before[:num_rows])

    def forward(self) -> None:
        """Run all steps."""
        from elmokit.kernels.cuda import lstm as kernels

        recurrent = self.kernel[-self.outputs.shape[1] :]
        cell, hidden, start = self.cell_before, self.hidden_before, 0
        for size in self._batch_sizes:
            step = slice(start, start + size)
            place = step if self._keep else slice(size)
            gates, output = self.gates[step], self.outputs[step]
            gates.addmm_(hidden[:size], recurrent)
            gated = output if self.projection is None else self.gated_cells[place]
            kernels.forward_step(
                gates,
                cell[:size],
                self.cells[place],
                gated,
                forget_bias=FORGET_BIAS,
                cell_clip=self._cell_clip,
            )
            if self.projection is not None:
                torch.mm(gated, self.projection, out=output)
                if self._projection_clip is not None:
                    output.clamp_(-self._projection_clip, self._projection_clip)
            cell, hidden, start = self.cells[place], output, start + size

    def expect_gradients(self, grad_outputs: Tensor) -> WindowGradients:
        """Return where the backward pass, which is to come, reads and writes gradients."""
        if self.gradients is None:
            num_rows, gates = self._batch_sizes[0], self.gates
            self.gradients = WindowGradients(
                torch.empty_like(gates),
                torch.empty_like(self.outputs),
                self.cells.new_empty(num_rows, self.cells.shape[1]),
                gates.new_empty(num_rows, self.outputs.shape[1]),
                gates.new_empty(num_rows, self.cells.shape[1]),
            )
        self.gradients.projected.copy_(grad_outputs)
        return self.gradients

    def backward(self) -> None:
        """Compute the gradients of the gates before their activation, and of the projection."""
        from elmokit.kernels.cuda import lstm as kernels

        assert self.gradients is not None
        recurrent = self.kernel[-self.outputs.shape[1] :]
        self.gradients.cell.zero_()
        self.gradients.hidden.zero_()
        end = len(self.gates)
        sizes = self._batch_sizes[::-1]
        for size, size_before in zip(sizes, (*sizes[1:], 0), strict=True):
            step, start = slice(end - size, end), end - size
            earlier = self.cells[start - size_before : start - size_before + size]
            grad_hidden, grad_gated = self.gradients.hidden[:size], self.gradients.projected[step]
            kernels.backward_output(grad_gated, grad_hidden, self.outputs[step], clip=self._projection_clip)
            if self.projection is not None:
                grad_gated = torch.mm(grad_gated, self.projection.t(), out=self.gradients.gated[:size])
            kernels.backward_step(
                self.gates[step],
                earlier if size_before else self.cell_before[:size],
                self.cells[step],
                grad_gated,
                self.gradients.cell[:size],
                self.gradients.gates[step],
                cell_clip=self._cell_clip,
            )
            torch.mm(self.gradients.gates[step], recurrent.t(), out=grad_hidden)
            end = start


def record(function: Callable[[], None]) -> Callable[[], None]:
    """Return a call that launches all that a function launches, at once: a CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        function()
    replay: Callable[[], None] = graph.replay
    return replay
