"""One LSTM layer with projection and clipping, over packed time-major input.

The layer of Sak et al. 2014 as bilm-tf runs it, for lane b and step t::

    i, j, f, o = split([x_t, h_{t-1}] W + bias)
    c_t = clip(sigmoid(f + 1) c_{t-1} + sigmoid(i) tanh(j))     to ±cell_clip
    h_t = clip((sigmoid(o) tanh(c_t)) W_P)                      to ±projection_clip

Packed layout: lanes are sorted by falling length; step t holds its ``lanes_at[t]`` first lanes, and
the steps follow each other. A training window, where every lane is full, is the special case
``lanes_at = [B] * T``.

The forward pass multiplies all inputs at once and only the recurrent half step by step. The backward
pass is written by hand: step by step it computes nothing but the gradients of the gates and of the
recurrent state; the gradients of weights and inputs are one matrix product over all steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

FORGET_BIAS = 1.0  # added to the forget gate and not part of the stored bias


class LstmState(NamedTuple):
    """What an LSTM layer carries from one window to the next."""

    cell: Tensor
    """(B, H)"""
    hidden: Tensor
    """(B, P)"""


class ProjectedLstm(nn.Module):
    """One LSTM layer.

    Args:
        input_dim: width of the input.
        cell_dim: width H of the cell.
        projection_dim: width P of the output; where it equals ``cell_dim`` there is no projection,
            and ``projection_clip`` is ignored, as in bilm-tf.
        cell_clip: bound on the cell state, applied before the output's tanh.
        projection_clip: bound on the projected output.

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
    ) -> None:
        super().__init__()
        has_projection = projection_dim != cell_dim
        self.input_dim = input_dim
        self.cell_dim = cell_dim
        self.output_dim = projection_dim
        self.cell_clip = cell_clip
        self.projection_clip = projection_clip if has_projection else None
        self.kernel = nn.Parameter(torch.empty(input_dim + projection_dim, 4 * cell_dim))
        self.bias = nn.Parameter(torch.empty(4 * cell_dim))
        self.projection = nn.Parameter(torch.empty(cell_dim, projection_dim)) if has_projection else None

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot-uniform kernels and zero bias: the defaults of the original's framework."""
        with torch.no_grad():
            nn.init.xavier_uniform_(self.kernel, generator=generator)
            self.bias.zero_()
            if self.projection is not None:
                nn.init.xavier_uniform_(self.projection, generator=generator)

    def zero_state(self, num_lanes: int) -> LstmState:
        """The state before the first token of ``num_lanes`` lanes."""
        return LstmState(
            self.kernel.new_zeros(num_lanes, self.cell_dim), self.kernel.new_zeros(num_lanes, self.output_dim)
        )

    def forward(self, inputs: Tensor, lanes_at: Sequence[int], state: LstmState) -> tuple[Tensor, LstmState]:
        """Run the layer.

        Args:
            inputs: (N, input_dim), packed.
            lanes_at: number of lanes at each step, never rising; sums to N.
            state: of the B = ``lanes_at[0]`` lanes.

        Returns:
            The outputs (N, P), packed, and each lane's state after its last step. Gradients do not
            flow out of or into the state: backpropagation is truncated at the window, as in the
            original.
        """
        outputs, cell, hidden = _LstmLayer.apply(  # type: ignore[no-untyped-call]
            inputs,
            self.kernel,
            self.bias,
            self.projection,
            state.cell,
            state.hidden,
            tuple(lanes_at),
            self.cell_clip,
            self.projection_clip,
        )
        return outputs, LstmState(cell, hidden)


class _LstmLayer(torch.autograd.Function):
    """The whole layer as one node of the graph."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor,
        projection: Tensor | None,
        cell_before: Tensor,
        hidden_before: Tensor,
        lanes_at: tuple[int, ...],
        cell_clip: float | None,
        projection_clip: float | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        input_dim = inputs.shape[1]
        cell_dim = kernel.shape[1] // 4
        recurrent_kernel = kernel[input_dim:]
        gates = torch.addmm(bias, inputs, kernel[:input_dim])  # (N, 4H), activated in place below
        gates[:, 2 * cell_dim : 3 * cell_dim] += FORGET_BIAS

        cells = torch.empty_like(gates[:, :cell_dim])
        gated_cells = torch.empty_like(cells)  # o * tanh(c), the input of the projection
        outputs = gated_cells if projection is None else gates.new_empty(len(gates), projection.shape[1])
        # Lanes that have ended keep their last state here.
        cell, hidden = cell_before.clone(), hidden_before.clone()

        start = 0
        for num_lanes in lanes_at:
            step = slice(start, start + num_lanes)
            start += num_lanes
            gate = gates[step]
            gate.addmm_(hidden[:num_lanes], recurrent_kernel)
            i, j, f, o = gate.chunk(4, dim=1)
            i.sigmoid_()
            j.tanh_()
            gate[:, 2 * cell_dim :].sigmoid_()  # f and o
            new_cell = torch.mul(f, cell[:num_lanes], out=cells[step])
            new_cell.addcmul_(i, j)
            if cell_clip is not None:
                new_cell.clamp_(-cell_clip, cell_clip)
            gated = torch.tanh(new_cell, out=gated_cells[step])
            gated.mul_(o)
            if projection is not None:
                output = torch.mm(gated, projection, out=outputs[step])
                if projection_clip is not None:
                    output.clamp_(-projection_clip, projection_clip)
            cell[:num_lanes] = new_cell
            hidden[:num_lanes] = outputs[step]

        ctx.lanes_at, ctx.cell_clip, ctx.projection_clip = lanes_at, cell_clip, projection_clip
        ctx.save_for_backward(
            inputs, kernel, projection, cell_before, hidden_before, gates, cells, gated_cells, outputs
        )
        ctx.mark_non_differentiable(cell, hidden)
        return outputs, cell, hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        inputs, kernel, projection, cell_before, hidden_before, gates, cells, gated_cells, outputs = (
            ctx.saved_tensors
        )
        input_dim = inputs.shape[1]
        input_kernel, recurrent_kernel = kernel[:input_dim], kernel[input_dim:]
        steps = _steps(ctx.lanes_at)

        grad_gates = torch.empty_like(gates)  # of the gates before their activation
        grad_projected = torch.empty_like(grad_outputs)  # of the projection before its clip
        grad_cell = torch.zeros_like(cell_before)
        grad_hidden = torch.zeros_like(hidden_before)
        for t in reversed(range(len(steps))):
            step, num_lanes = steps[t], ctx.lanes_at[t]
            cell_gradient = grad_cell[:num_lanes]
            grad_output = torch.add(grad_outputs[step], grad_hidden[:num_lanes], out=grad_projected[step])
            if ctx.projection_clip is not None:
                grad_output.mul_(outputs[step].abs() < ctx.projection_clip)
            grad_gated = grad_output if projection is None else grad_output @ projection.t()

            cell = cells[step]
            cell_tanh = cell.tanh()
            i, j, f, o = gates[step].chunk(4, dim=1)
            grad_i, grad_j, grad_f, grad_o = grad_gates[step].chunk(4, dim=1)
            torch.mul(grad_gated * cell_tanh, o * (1 - o), out=grad_o)
            cell_gradient.addcmul_(grad_gated * o, 1 - cell_tanh.square_())
            if ctx.cell_clip is not None:
                cell_gradient.mul_(cell.abs() < ctx.cell_clip)
            earlier_cell = cell_before if t == 0 else cells[steps[t - 1]]
            torch.mul(cell_gradient * j, i * (1 - i), out=grad_i)
            torch.mul(cell_gradient * i, 1 - j * j, out=grad_j)
            torch.mul(cell_gradient * earlier_cell[:num_lanes], f * (1 - f), out=grad_f)
            cell_gradient.mul_(f)
            torch.mm(grad_gates[step], recurrent_kernel.t(), out=grad_hidden[:num_lanes])

        need_inputs, need_kernel, need_bias, need_projection = ctx.needs_input_grad[:4]
        grad_inputs = grad_gates @ input_kernel.t() if need_inputs else None
        grad_kernel = grad_bias = grad_projection = None
        if need_kernel:
            earlier_hidden = torch.cat(
                [hidden_before[: ctx.lanes_at[0]]]
                + [
                    outputs[before][:num_lanes]
                    for before, num_lanes in zip(steps, ctx.lanes_at[1:], strict=False)
                ]
            )
            grad_kernel = torch.empty_like(kernel)
            torch.mm(inputs.t(), grad_gates, out=grad_kernel[:input_dim])
            torch.mm(earlier_hidden.t(), grad_gates, out=grad_kernel[input_dim:])
        if need_bias:
            grad_bias = grad_gates.sum(dim=0)
        if projection is not None and need_projection:
            grad_projection = gated_cells.t() @ grad_projected
        return grad_inputs, grad_kernel, grad_bias, grad_projection, None, None, None, None, None


def _steps(lanes_at: Sequence[int]) -> list[slice]:
    """Where each time step lies in the packed layout."""
    ends = list(itertools.accumulate(lanes_at))
    return [slice(end - num_lanes, end) for end, num_lanes in zip(ends, lanes_at, strict=True)]
