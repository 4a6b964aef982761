"""Matrix products by the faster library.

On the CPU, float32 products go to oneDNN by name: PyTorch's default library is up to three times slower at
the sizes of a recurrent step, on processors of AMD in particular, and its results for a row depend on the
number of rows. oneDNN computes a row in the same way whatever the number of rows, except for a single one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elmokit.model.first_order import differentiable_once
from elmokit.model.precision import without_autocast


def _has_onednn() -> bool:
    """Whether this build of PyTorch has oneDNN's product under the name and with the arguments used here."""
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        matrix = torch.eye(2)
        found = torch.ops.mkldnn._linear_pointwise.default(matrix, matrix, None, "none", [], "")
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return torch.equal(found, matrix)


_ONEDNN = _has_onednn()
_MIN_ELEMENTS = 1 << 14  # of the right matrix; for smaller ones there is no difference


def row_tile(num_elements: int) -> int:
    """Return the number of rows in multiples of which a row of a product is always bit-identical.

    Args:
        num_elements: size of the right matrix, or of the smallest of several.
    """
    return 1 if _ONEDNN and num_elements >= _MIN_ELEMENTS else 16


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``left @ right + bias``, without autograd.

    Args:
        left: (M, K).
        right: (K, N).
        bias: (N,).
    """
    if not _goes_to_onednn(left, right):
        return torch.mm(left, right) if bias is None else torch.addmm(bias, left, right)
    num_rows = len(left)
    if num_rows == 1:  # which oneDNN would compute in another way
        left = left.expand(2, -1)
    found: Tensor = torch.ops.mkldnn._linear_pointwise.default(left, right.t(), bias, "none", [], "")
    return found[:num_rows]


def _goes_to_onednn(left: Tensor, right: Tensor) -> bool:
    return (
        _ONEDNN
        and right.numel() >= _MIN_ELEMENTS
        and left.numel() > 0
        and left.dtype == right.dtype == torch.float32
        and left.device.type == "cpu"
        and not torch.compiler.is_compiling()
    )


def affine(inputs: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
    """Return ``inputs @ matrix + bias`` with gradients: (M, K), (K, N), (N,) to (M, N)."""
    outputs: Tensor = _Affine.apply(inputs, matrix, bias)  # type: ignore[no-untyped-call]
    return outputs


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, matrix)
        return product(inputs, matrix, bias)

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, matrix = ctx.saved_tensors
        need_inputs, need_matrix, need_bias = ctx.needs_input_grad
        return (
            product(gradient, matrix.t()) if need_inputs else None,
            product(inputs.t(), gradient) if need_matrix else None,
            gradient.sum(dim=0) if need_bias else None,
        )
