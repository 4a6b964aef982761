"""The LSTM layer over packed input by the compiled library.

As in :mod:`elmokit.model.lstm.packed`, the gradients of weights and inputs are one matrix product over all
steps. The forward pass and the rest of the backward pass are one call of the library each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elmokit.kernels import lstm as kernels
from elmokit.kernels.library import can_compute
from elmokit.kernels.matrices import pack
from elmokit.kernels.precisions import Precision
from elmokit.model.first_order import differentiable_once, will_run_again
from elmokit.model.lstm.fused import fused_lstm
from elmokit.model.lstm.interface import LstmState, LstmWeights
from elmokit.model.lstm.steps import last_of_each_row, step_before
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.precision import without_autocast
from elmokit.model.products import product, product_and_sums
from elmokit.model.spare_memory import SpareMemory


def compiled_lstm(
    inputs: Tensor, batch_sizes: Sequence[int], state: LstmState, weights: LstmWeights
) -> tuple[Tensor, LstmState]:
    """Run the layer; see :class:`~elmokit.model.lstm.interface.LstmImplementation`.

    What the library does not compute goes to :func:`~elmokit.model.lstm.fused.fused_lstm`: other types than
    float32, other devices, and tensors that are being traced.
    """
    if not can_compute(inputs, *state, *weights[:3], precision=weights.precision):
        return fused_lstm(inputs, batch_sizes, state, weights)
    outputs, cell, hidden = _CompiledLstm.apply(  # type: ignore[no-untyped-call]
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
        weights.packed,
        weights.spare,
        torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (inputs, *weights[:3])),
    )
    return outputs, LstmState(cell, hidden)


class _CompiledLstm(torch.autograd.Function):
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
        packed: PackedWeights,
        spare: SpareMemory,
        keep: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        input_dim, cell_dim = inputs.shape[1], kernel.shape[1] // 4
        output_dim = cell_dim if projection is None else projection.shape[1]
        shape = kernels.Shape(batch_sizes, cell_dim, output_dim, cell_clip, projection_clip)
        num_positions, num_rows = len(inputs), batch_sizes[0]
        num_kept = num_positions if keep else num_rows
        inputs = inputs.contiguous()
        num_gates = num_positions if keep else kernels.rows_of_gates(batch_sizes)
        gates = spare.take(num_gates, 4 * cell_dim) if keep else inputs.new_empty(num_gates, 4 * cell_dim)
        outputs = inputs.new_empty(num_positions, output_dim)
        cells = inputs.new_empty(num_kept, cell_dim)
        gated_cells = outputs if projection is None else torch.empty_like(cells)  # o * tanh(c)
        kernels.forward(
            shape,
            inputs,
            packed.get("input", kernel, precision, lambda: pack(kernel[:input_dim], precision)),
            bias.contiguous(),
            packed.get("gates", kernel, precision, lambda: kernels.pack_gates(kernel[input_dim:], precision)),
            None
            if projection is None
            else packed.get("projection", projection, precision, lambda: pack(projection, precision)),
            cell_before.contiguous(),
            hidden_before.contiguous(),
            gates,
            cells,
            gated_cells,
            outputs,
            keep=keep,
        )
        if keep:
            ctx.shape, ctx.precision, ctx.spare = shape, precision, spare
            ctx.save_for_backward(
                inputs, kernel, projection, cell_before, hidden_before, gates, cells, gated_cells, outputs
            )
            last_cell = last_of_each_row(cells, batch_sizes, cell_before)
        else:
            last_cell = torch.cat([cells, cell_before[num_rows:]])
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
        input_dim, batch_sizes, precision = inputs.shape[1], ctx.shape.batch_sizes, ctx.precision
        # The gates become their gradients, unless another backward pass will need them.
        grad_gates = torch.empty_like(gates) if will_run_again() else gates
        grad_projected = grad_outputs.clone(memory_format=torch.contiguous_format)
        kernels.backward(
            ctx.shape,
            gates,
            pack(kernel[input_dim:].t(), precision),
            None if projection is None else pack(projection.t(), precision),
            cells,
            cell_before.contiguous(),
            outputs,
            grad_gates,
            grad_projected,
            torch.zeros_like(cell_before, memory_format=torch.contiguous_format),
            torch.zeros_like(hidden_before, memory_format=torch.contiguous_format),
        )
        need_inputs, need_kernel, need_bias, need_projection = ctx.needs_input_grad[:4]
        grad_inputs = grad_kernel = grad_bias = grad_projection = None
        if need_kernel:
            earlier_hidden = step_before(outputs, batch_sizes, hidden_before)
            grad_kernel, grad_bias = product_and_sums(
                torch.cat([inputs, earlier_hidden], dim=1).t(), grad_gates, precision
            )
        elif need_bias:
            grad_bias = grad_gates.sum(dim=0)
        if projection is not None and need_projection:
            grad_projection = product(gated_cells.t(), grad_projected, precision=precision)
        if need_inputs:
            grad_inputs = product(grad_gates, kernel[:input_dim].t(), precision=precision)
        if grad_gates is gates:
            ctx.spare.give_back(gates)
        return grad_inputs, grad_kernel, grad_bias, grad_projection, *[None] * 9
