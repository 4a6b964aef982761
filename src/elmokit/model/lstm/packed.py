"""The LSTM layer over packed input, from PyTorch's matrix products, with a hand-written backward pass.

The forward pass multiplies all inputs by the kernel at once, and only the recurrent half step by step. The
backward pass computes only the gradients of the gates and of the recurrent state step by step; the gradients
of weights and inputs are one matrix product over all steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elmokit.kernels.precisions import Precision
from elmokit.model.first_order import differentiable_once
from elmokit.model.lstm.interface import FORGET_BIAS, LstmState, LstmWeights
from elmokit.model.lstm.steps import last_of_each_row, step_before
from elmokit.model.precision import without_autocast
from elmokit.model.products import operand, product


def packed_lstm(
    inputs: Tensor, batch_sizes: Sequence[int], state: LstmState, weights: LstmWeights
) -> tuple[Tensor, LstmState]:
    """Run the layer; see :class:`~elmokit.model.lstm.interface.LstmImplementation`."""
    outputs, cell, hidden = _LstmLayer.apply(  # type: ignore[no-untyped-call]
        inputs,
        weights.kernel,
        weights.bias,
        weights.projection,
        state.cell,
        state.hidden,
        tuple(batch_sizes),
        weights.cell_clip,
        weights.projection_clip,
        weights.precision,
    )
    return outputs, LstmState(cell, hidden)


class _LstmLayer(torch.autograd.Function):
    """The whole layer as one node of the autograd graph."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor,
        projection: Tensor | None,
        cell_before: Tensor,
        hidden_before: Tensor,
        batch_sizes: tuple[int, ...],
        cell_clip: float | None,
        projection_clip: float | None,
        precision: Precision,
    ) -> tuple[Tensor, Tensor, Tensor]:
        input_dim = inputs.shape[1]
        recurrent_kernel = operand(kernel[input_dim:], precision)
        projection_operand = None if projection is None else operand(projection, precision)
        gates = product(
            inputs, kernel[:input_dim], bias, precision=precision
        )  # (N, 4H), activated in place below
        i_gates, j_gates, f_gates, o_gates = gates.chunk(4, dim=1)
        f_gates += FORGET_BIAS
        cells = torch.empty_like(i_gates, memory_format=torch.contiguous_format)
        gated_cells = torch.empty_like(cells)  # o * tanh(c), the input of the projection
        outputs = gated_cells if projection is None else gates.new_empty(len(gates), projection.shape[1])

        cell, hidden = cell_before, hidden_before
        by_step = (gates, i_gates, j_gates, f_gates, o_gates, cells, gated_cells, outputs)
        for num_rows, gate, i, j, f, o, new_cell, gated, output in zip(
            batch_sizes, *(values.split(batch_sizes) for values in by_step), strict=True
        ):
            gate += product(hidden[:num_rows], recurrent_kernel)
            i.sigmoid_()
            j.tanh_()
            f.sigmoid_()
            o.sigmoid_()
            torch.mul(f, cell[:num_rows], out=new_cell)
            new_cell.addcmul_(i, j)
            if cell_clip is not None:
                new_cell.clamp_(-cell_clip, cell_clip)
            torch.tanh(new_cell, out=gated)
            gated.mul_(o)
            if projection_operand is not None:
                output.copy_(product(gated, projection_operand))
                if projection_clip is not None:
                    output.clamp_(-projection_clip, projection_clip)
            cell, hidden = new_cell, output

        ctx.batch_sizes, ctx.cell_clip, ctx.projection_clip = batch_sizes, cell_clip, projection_clip
        ctx.precision = precision
        ctx.save_for_backward(
            inputs, kernel, projection, cell_before, hidden_before, gates, cells, gated_cells, outputs
        )
        last_cell = last_of_each_row(cells, batch_sizes, cell_before)
        last_hidden = last_of_each_row(outputs, batch_sizes, hidden_before)
        ctx.mark_non_differentiable(last_cell, last_hidden)
        return outputs, last_cell, last_hidden

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, grad_outputs: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        inputs, kernel, projection, cell_before, hidden_before, gates, cells, gated_cells, outputs = (
            ctx.saved_tensors
        )
        batch_sizes, cell_clip, projection_clip = ctx.batch_sizes, ctx.cell_clip, ctx.projection_clip
        precision = ctx.precision
        input_dim = inputs.shape[1]
        cell_dim = cells.shape[1]
        input_kernel, recurrent_kernel = kernel[:input_dim], kernel[input_dim:]

        # Everything that does not depend on later steps is computed for all steps at once.
        i, j, f, o = gates.chunk(4, dim=1)
        cell_tanh = cells.tanh()
        earlier_cells = step_before(cells, batch_sizes, cell_before)
        # The derivative of the cell (for o: of the output) by each gate before its activation. i, j and f are
        # adjacent because all three are multiplied by the gradient of the cell.
        factors = torch.empty_like(gates)  # (N, 4H)
        i_factor, j_factor, f_factor, o_factor = factors.chunk(4, dim=1)
        torch.addcmul(i, i, i, value=-1, out=i_factor).mul_(j)
        torch.addcmul(i, i, j.square(), value=-1, out=j_factor)
        torch.addcmul(f, f, f, value=-1, out=f_factor).mul_(earlier_cells)
        torch.addcmul(o, o, o, value=-1, out=o_factor).mul_(cell_tanh)
        # The derivative of the output, and of the next cell, by the cell; zero where the cell is clipped.
        cell_factor = torch.addcmul(o, o, cell_tanh.square_(), value=-1)  # (N, H)
        carry_factor = f.clone()
        if cell_clip is not None:
            cell_factor.mul_(cells.abs() < cell_clip)
            carry_factor.mul_(earlier_cells.abs_() < cell_clip)
        # 1 where the projection is not clipped, so that its gradient passes.
        passes = None if projection_clip is None else (outputs.abs() < projection_clip).to(outputs.dtype)

        grad_gates = torch.empty_like(gates)  # gradients of the gates before their activation
        grad_projected = grad_outputs.clone()  # gradient of the projection before clipping
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
        steps = zip(batch_sizes, *(values.split(batch_sizes) for values in by_step), strict=True)
        projection_t = None if projection is None else operand(projection.t(), precision)
        recurrent_kernel_t = operand(recurrent_kernel.t(), precision)
        for (
            num_rows,
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
            grad_output += grad_hidden[:num_rows]
            if projection_clip is not None:
                grad_output.mul_(passed)
            grad_gated = grad_output if projection_t is None else product(grad_output, projection_t)
            grad_step_cell = grad_cell[:num_rows]
            grad_step_cell.addcmul_(grad_gated, cell_factors)
            torch.mul(ijf_factors, grad_step_cell[:, None], out=grad_ijf)
            torch.mul(o_factors, grad_gated, out=grad_o)
            grad_step_cell.mul_(carry_factors)
            grad_hidden[:num_rows] = product(grad_gate, recurrent_kernel_t)

        need_inputs, need_kernel, need_bias, need_projection = ctx.needs_input_grad[:4]
        grad_inputs = product(grad_gates, input_kernel.t(), precision=precision) if need_inputs else None
        grad_kernel = grad_bias = grad_projection = None
        if need_kernel:
            earlier_hidden = step_before(outputs, batch_sizes, hidden_before)
            grad_kernel = product(
                torch.cat([inputs, earlier_hidden], dim=1).t(), grad_gates, precision=precision
            )
        if need_bias:
            grad_bias = grad_gates.sum(dim=0)
        if projection is not None and need_projection:
            grad_projection = product(gated_cells.t(), grad_projected, precision=precision)
        return grad_inputs, grad_kernel, grad_bias, grad_projection, *[None] * 6
