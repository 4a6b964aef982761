"""The LSTM layer over packed input on a CUDA device, one kernel per step beside the matrix products.

As in :mod:`elmokit.model.lstm.packed`, all inputs are multiplied by the kernel at once, and the gradients of
weights and inputs are one matrix product over all steps. Each recurrent product is added to the gates in
place, and all that happens to the gates and the cell of a step is one kernel. In ``bf16`` gates, outputs and
their gradients are kept in bfloat16 between the products; cells and their gradients in float32.

With few rows, launching takes longer than computing. The steps of a window in training are therefore recorded
once, as a CUDA graph, and replayed for every window of the same shape.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from elmokit.errors import ElmokitWarning
from elmokit.kernels.cuda.availability import can_launch
from elmokit.model.first_order import differentiable_once, will_run_again
from elmokit.model.lstm.interface import LstmState, LstmWeights
from elmokit.model.lstm.packed import packed_lstm
from elmokit.model.lstm.steps import last_of_each_row, step_before
from elmokit.model.lstm.window import LstmWindow, record
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.precision import without_autocast
from elmokit.model.products import operand_type

MAX_RECORDED_ROWS = 512
"""With more rows the device is busy for longer than the launches take."""


def fused_lstm(
    inputs: Tensor, batch_sizes: Sequence[int], state: LstmState, weights: LstmWeights
) -> tuple[Tensor, LstmState]:
    """Run the layer; see :class:`~elmokit.model.lstm.interface.LstmImplementation`.

    What Triton's kernels do not compute goes to :func:`~elmokit.model.lstm.packed.packed_lstm`: other types
    than float32, other devices, and tensors that are being traced.
    """
    if not can_launch(inputs, *state, *weights[:3]):
        return packed_lstm(inputs, batch_sizes, state, weights)
    keep = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in (inputs, *weights[:3])
    )
    with torch.cuda.device_of(inputs):  # where Triton launches
        outputs, cell, hidden = _FusedLstm.apply(  # type: ignore[no-untyped-call]
            inputs,
            weights.kernel,
            weights.bias,
            weights.projection,
            state.cell,
            state.hidden,
            tuple(batch_sizes),
            _run_for(tuple(batch_sizes), weights, keep=keep),
        )
    return outputs, LstmState(cell, hidden)


def _nobody() -> None:
    """Return what a reference to something that is gone returns."""


class _Run:
    """A window and how its steps are launched: one after the other, or as they have been recorded."""

    def __init__(self, window: LstmWindow, *, is_recorded: bool) -> None:
        self.window = window
        self.is_recorded = is_recorded
        self._recorded: dict[Callable[[], None], Callable[[], None]] = {}
        self.user: Callable[[], object | None] = _nobody
        """Returns the node of the autograd graph that still needs the window; None if there is none."""

    def launch(self, steps: Callable[[], None]) -> None:
        """Run the forward or backward steps of the window."""
        if steps in self._recorded:
            self._recorded[steps]()
            return
        steps()
        if self.is_recorded:
            try:
                self._recorded[steps] = record(steps)
            except RuntimeError as error:
                self.is_recorded = False
                reason = str(error).partition("\n")[0]
                warnings.warn(
                    f"CUDA graph of the LSTM: {reason}: steps are launched one by one",
                    ElmokitWarning,
                    stacklevel=2,
                )


_runs: weakref.WeakKeyDictionary[PackedWeights, tuple[object, _Run | None]] = weakref.WeakKeyDictionary()
"""By layer: the shape of the last window in training and, from the second of that shape on, its run."""


def _run_for(batch_sizes: tuple[int, ...], weights: LstmWeights, *, keep: bool) -> _Run:
    """Return a run over memory of its own or, where the window is like the one before, that run again."""

    def new(*, is_recorded: bool) -> _Run:
        window = LstmWindow(
            batch_sizes,
            weights.kernel,
            weights.projection,
            cell_clip=weights.cell_clip,
            projection_clip=weights.projection_clip,
            kind=operand_type(weights.precision),
            keep=keep,
        )
        return _Run(window, is_recorded=is_recorded)

    if not (keep and can_record(weights.kernel) and batch_sizes[-1] == batch_sizes[0] <= MAX_RECORDED_ROWS):
        return new(is_recorded=False)
    shape = (batch_sizes, weights.kernel.shape, weights.kernel.device, *weights[3:6])
    known, run = _runs.get(weights.packed, (None, None))
    if known != shape:
        _runs[weights.packed] = (shape, None)
        return new(is_recorded=False)
    if run is None:
        run = new(is_recorded=True)
        _runs[weights.packed] = (shape, run)
    return run if run.user() is None else new(is_recorded=False)


def can_record(tensor: Tensor) -> bool:
    """Whether launches on the device of a tensor can be recorded: there are CUDA graphs, and none is made."""
    return tensor.is_cuda and not torch.cuda.is_current_stream_capturing()


class _FusedLstm(torch.autograd.Function):
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
        run: _Run,
    ) -> tuple[Tensor, Tensor, Tensor]:
        window = run.window
        inputs = inputs.to(window.gates.dtype)
        window.fill(kernel, projection, cell_before, hidden_before)
        input_kernel = window.kernel[: inputs.shape[1]]
        torch.addmm(bias.to(window.gates.dtype), inputs, input_kernel, out=window.gates)
        run.launch(window.forward)

        outputs = window.outputs.to(hidden_before.dtype, copy=True)
        last_hidden = last_of_each_row(outputs, batch_sizes, hidden_before)
        if len(window.cells) == len(outputs):  # those of all steps
            last_cell = last_of_each_row(window.cells, batch_sizes, cell_before)
        else:
            last_cell = torch.cat([window.cells, cell_before[batch_sizes[0] :]])
        ctx.batch_sizes, ctx.run = batch_sizes, run
        ctx.save_for_backward(inputs)
        run.user = weakref.ref(ctx)
        ctx.mark_non_differentiable(last_cell, last_hidden)
        return outputs, last_cell, last_hidden

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, grad_outputs: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        (inputs,) = ctx.saved_tensors
        window, dtype = ctx.run.window, grad_outputs.dtype
        gradients = window.expect_gradients(grad_outputs)
        ctx.run.launch(window.backward)
        if not ctx.run.is_recorded:
            window.gradients = None  # so that their memory is free for the layer below

        need_inputs, need_kernel, need_bias, need_projection = ctx.needs_input_grad[:4]
        grad_kernel = grad_projection = None
        input_dim = inputs.shape[1]
        if need_kernel:
            earlier_hidden = step_before(window.outputs, ctx.batch_sizes, window.hidden_before)
            grad_kernel = torch.empty_like(window.kernel)
            torch.mm(inputs.t(), gradients.gates, out=grad_kernel[:input_dim])
            torch.mm(earlier_hidden.t(), gradients.gates, out=grad_kernel[input_dim:])
            grad_kernel = grad_kernel.to(dtype)
        if window.projection is not None and need_projection:
            grad_projection = torch.mm(window.gated_cells.t(), gradients.projected).to(dtype)
        if not will_run_again():
            ctx.run.user, ctx.run = _nobody, None  # the window is free
        return (
            torch.mm(gradients.gates, window.kernel[:input_dim].t()).to(dtype) if need_inputs else None,
            grad_kernel,
            gradients.gates.sum(dim=0, dtype=dtype) if need_bias else None,
            grad_projection,
            *[None] * 4,
        )
