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
        always_project: there is a projection all the same, as in ELMoForManyLangs.
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
        always_project: bool = False,
    ) -> None:
        super().__init__()
        has_projection = always_project or projection_dim != cell_dim
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
        recurrent_kernel = kernel[input_dim:]
        gates = torch.addmm(bias, inputs, kernel[:input_dim])  # (N, 4H), activated in place below
        i_gates, j_gates, f_gates, o_gates = gates.chunk(4, dim=1)
        f_gates += FORGET_BIAS
        cells = torch.empty_like(i_gates, memory_format=torch.contiguous_format)
        gated_cells = torch.empty_like(cells)  # o * tanh(c), the input of the projection
        outputs = gated_cells if projection is None else gates.new_empty(len(gates), projection.shape[1])

        cell, hidden = cell_before, hidden_before
        by_step = (gates, i_gates, j_gates, f_gates, o_gates, cells, gated_cells, outputs)
        for num_lanes, gate, i, j, f, o, new_cell, gated, output in zip(
            lanes_at, *(values.split(lanes_at) for values in by_step), strict=True
        ):
            gate.addmm_(hidden[:num_lanes], recurrent_kernel)
            i.sigmoid_()
            j.tanh_()
            f.sigmoid_()
            o.sigmoid_()
            torch.mul(f, cell[:num_lanes], out=new_cell)
            new_cell.addcmul_(i, j)
            if cell_clip is not None:
                new_cell.clamp_(-cell_clip, cell_clip)
            torch.tanh(new_cell, out=gated)
            gated.mul_(o)
            if projection is not None:
                torch.mm(gated, projection, out=output)
                if projection_clip is not None:
                    output.clamp_(-projection_clip, projection_clip)
            cell, hidden = new_cell, output

        ctx.lanes_at, ctx.cell_clip, ctx.projection_clip = lanes_at, cell_clip, projection_clip
        ctx.save_for_backward(
            inputs, kernel, projection, cell_before, hidden_before, gates, cells, gated_cells, outputs
        )
        last_cell = _last_of_each_lane(cells, lanes_at, cell_before)
        last_hidden = _last_of_each_lane(outputs, lanes_at, hidden_before)
        ctx.mark_non_differentiable(last_cell, last_hidden)
        return outputs, last_cell, last_hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        inputs, kernel, projection, cell_before, hidden_before, gates, cells, gated_cells, outputs = (
            ctx.saved_tensors
        )
        lanes_at, cell_clip, projection_clip = ctx.lanes_at, ctx.cell_clip, ctx.projection_clip
        input_dim = inputs.shape[1]
        cell_dim = cells.shape[1]
        input_kernel, recurrent_kernel = kernel[:input_dim], kernel[input_dim:]

        # All that does not depend on later steps is computed for all steps at once:
        i, j, f, o = gates.chunk(4, dim=1)
        cell_tanh = cells.tanh()
        earlier_cells = _step_before(cells, lanes_at, cell_before)
        # … of each gate, how it acts on the cell or, for o, on the output, times the slope of its
        # activation; i, j and f beside each other, to be multiplied by one gradient,
        factors = torch.empty_like(gates)  # (N, 4H)
        i_factor, j_factor, f_factor, o_factor = factors.chunk(4, dim=1)
        torch.addcmul(i, i, i, value=-1, out=i_factor).mul_(j)
        torch.addcmul(i, i, j.square(), value=-1, out=j_factor)
        torch.addcmul(f, f, f, value=-1, out=f_factor).mul_(earlier_cells)
        torch.addcmul(o, o, o, value=-1, out=o_factor).mul_(cell_tanh)
        # … how the cell acts on the output, and on the next cell; nothing passes a clip,
        cell_factor = torch.addcmul(o, o, cell_tanh.square_(), value=-1)  # (N, H)
        carry_factor = f.clone()
        if cell_clip is not None:
            cell_factor.mul_(cells.abs() < cell_clip)
            carry_factor.mul_(earlier_cells.abs_() < cell_clip)
        # … and where the projection's clip lets a gradient through.
        passes = None if projection_clip is None else (outputs.abs() < projection_clip).to(outputs.dtype)

        grad_gates = torch.empty_like(gates)  # of the gates before their activation
        grad_projected = grad_outputs.clone()  # of the projection before its clip
        grad_cell = torch.zeros_like(cell_before)
        grad_hidden = torch.zeros_like(hidden_before)
        by_step = (
            grad_gates,
            grad_gates[:, : 3 * cell_dim].unflatten(1, (3, cell_dim)),
            grad_gates[:, 3 * cell_dim :],
            grad_projected,
            grad_projected if passes is None else passes,
            factors[:, : 3 * cell_dim].unflatten(1, (3, cell_dim)),
            o_factor,
            cell_factor,
            carry_factor,
        )
        steps = zip(lanes_at, *(values.split(lanes_at) for values in by_step), strict=True)
        projection_t = None if projection is None else projection.t()
        recurrent_kernel_t = recurrent_kernel.t()
        for (
            num_lanes,
            grad_gate,
            grad_ijf,
            grad_o,
            grad_output,
            passed,
            ijf_factors,
            o_factors,
            cell_factors,
            carry_factors,
        ) in reversed(list(steps)):
            grad_output += grad_hidden[:num_lanes]
            if projection_clip is not None:
                grad_output.mul_(passed)
            grad_gated = grad_output if projection_t is None else torch.mm(grad_output, projection_t)
            grad_step_cell = grad_cell[:num_lanes]
            grad_step_cell.addcmul_(grad_gated, cell_factors)
            torch.mul(ijf_factors, grad_step_cell[:, None], out=grad_ijf)
            torch.mul(o_factors, grad_gated, out=grad_o)
            grad_step_cell.mul_(carry_factors)
            torch.mm(grad_gate, recurrent_kernel_t, out=grad_hidden[:num_lanes])

        need_inputs, need_kernel, need_bias, need_projection = ctx.needs_input_grad[:4]
        grad_inputs = grad_gates @ input_kernel.t() if need_inputs else None
        grad_kernel = grad_bias = grad_projection = None
        if need_kernel:
            grad_kernel = torch.empty_like(kernel)
            torch.mm(inputs.t(), grad_gates, out=grad_kernel[:input_dim])
            earlier_hidden = _step_before(outputs, lanes_at, hidden_before)
            torch.mm(earlier_hidden.t(), grad_gates, out=grad_kernel[input_dim:])
        if need_bias:
            grad_bias = grad_gates.sum(dim=0)
        if projection is not None and need_projection:
            grad_projection = gated_cells.t() @ grad_projected
        return grad_inputs, grad_kernel, grad_bias, grad_projection, None, None, None, None, None


def _step_before(values: Tensor, lanes_at: tuple[int, ...], before: Tensor) -> Tensor:
    """For each packed position the value (N, ·) of its lane one step earlier."""
    earlier = [before, *values.split(lanes_at)[:-1]]
    return torch.cat([step[:num_lanes] for step, num_lanes in zip(earlier, lanes_at, strict=True)])


def _last_of_each_lane(values: Tensor, lanes_at: tuple[int, ...], before: Tensor) -> Tensor:
    """The value (B, ·) of each lane at its last step; ``before`` for lanes without a step."""
    last = before.clone()
    for step, num_lanes, num_going_on in zip(
        values.split(lanes_at), lanes_at, (*lanes_at[1:], 0), strict=True
    ):
        if num_going_on < num_lanes:
            last[num_going_on:num_lanes] = step[num_going_on:]
    return last
