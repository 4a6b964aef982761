"""Matrix products by the fastest library there is.

On the CPU, the compiled kernels compute them, also of transposed matrices, which other libraries copy first.
Their result for a row does not depend on the number of rows.

Without the kernels, float32 products go to oneDNN by name: PyTorch's default library is up to three times
slower at the sizes of a recurrent step, on processors of AMD in particular, and its results for a row depend
on the number of rows. oneDNN computes a row in the same way whatever the number of rows, except for a single
one. Products of 8-bit integers are computed by the compiled kernels alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elmokit.errors import ConfigError
from elmokit.kernels.library import can_compute, is_available
from elmokit.kernels.matrices import PackedMatrix, add_product_, multiply, multiply_packed, pack
from elmokit.kernels.precisions import PRECISIONS, Precision
from elmokit.model.first_order import differentiable_once
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.precision import without_autocast


def _has_onednn() -> bool:
    """Whether this build of PyTorch has oneDNN's product under the name and with the arguments used here."""
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        matrix = torch.eye(2)
        found: Tensor = torch.ops.mkldnn._linear_pointwise.default(matrix, matrix, None, "none", [], "")
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return torch.equal(found, matrix)


_ONEDNN = _has_onednn()
_INSTRUCTIONS = {"bf16": "AVX512_BF16", "int8": "AVX2, or AVX512_VNNI beside AVX-512"}
_MIN_ELEMENTS = 1 << 14  # of the right matrix; for smaller ones there is no difference


def choose_precision(name: str, device: torch.device) -> Precision:
    """Return the precision of this name.

    Raises:
        ConfigError: if there is no such precision, or the device does not have it.
    """
    for precision in PRECISIONS:
        if isinstance(name, str) and name == precision:
            if precision == "int8" and device.type != "cpu":
                raise ConfigError(f"precision=int8: is for CPUs, not {device.type}: use float32 or bf16")
            if precision != "float32" and device.type == "cpu" and not is_available(precision):
                raise ConfigError(
                    f"precision={precision}: needs the compiled kernels and a processor with "
                    f"{_INSTRUCTIONS[precision]}, not found here: use float32"
                )
            return precision
    shown = name if isinstance(name, str) else type(name).__name__
    raise ConfigError(f"precision={shown}: expected {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}")


def row_tile(num_elements: int, precision: Precision = "float32") -> int:
    """Return the number of rows in multiples of which a row of a product is always bit-identical.

    Args:
        num_elements: size of the right matrix, or of the smallest of several.
        precision: of the product.
    """
    if is_available(precision):
        return 1
    return 1 if _ONEDNN and num_elements >= _MIN_ELEMENTS else 16


def operand_type(precision: Precision) -> torch.dtype:
    """Return the type of the factors of products on a device that has no compiled kernels."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def operand(matrix: Tensor, precision: Precision) -> Tensor | PackedMatrix:
    """Return a matrix (K, N) as the right side of several products in the given precision.

    Where the kernels cannot be given it, as when it is traced, ``int8`` is computed in the matrix's own type.
    """
    if can_compute(matrix, precision=precision):
        return pack(matrix, precision)
    return matrix.bfloat16() if precision == "bf16" else matrix


def product(
    left: Tensor,
    right: Tensor | PackedMatrix,
    bias: Tensor | None = None,
    *,
    precision: Precision = "float32",
) -> Tensor:
    """Return ``left @ right + bias``, without autograd.

    Args:
        left: (M, K).
        right: (K, N), or what :func:`operand` made of it.
        bias: (N,).
        precision: of the product; that of ``right`` if it is an operand.
    """
    if isinstance(right, PackedMatrix):
        return multiply_packed(left, right, bias)
    if can_compute(left, right, bias, precision=precision):
        return multiply(left, right, bias, precision=precision)
    if precision == "bf16" or right.dtype == torch.bfloat16:
        total = torch.mm(left.bfloat16(), right.bfloat16()).to(left.dtype)
        return total if bias is None else total.add_(bias)
    if not _goes_to_onednn(left, right):
        return torch.mm(left, right) if bias is None else torch.addmm(bias, left, right)
    num_rows = len(left)
    if num_rows == 1:  # which oneDNN would compute in another way
        left = left.expand(2, -1)
    found: Tensor = torch.ops.mkldnn._linear_pointwise.default(left, right.t(), bias, "none", [], "")
    return found[:num_rows]


def product_by_weights(
    left: Tensor,
    name: str,
    weights: Tensor,
    bias: Tensor | None,
    precision: Precision,
    packed: PackedWeights | None,
) -> Tensor:
    """Return ``left @ weights + bias`` as :func:`product` does; in inference mode the weights stay packed.

    Args:
        left: (M, K).
        name: of the weights in ``packed``.
        weights: (K, N), a parameter.
        bias: (N,).
        precision: of the product.
        packed: where the layer keeps what it has packed; None for nowhere.
    """
    if (
        packed is None
        or not torch.is_inference_mode_enabled()
        or not can_compute(left, weights, bias, precision=precision)
    ):
        return product(left, weights, bias, precision=precision)
    right = packed.get(name, weights, precision, lambda: pack(weights, precision))
    return multiply_packed(left, right, bias)


def add_product(total: Tensor, left: Tensor, right: Tensor, precision: Precision) -> None:
    """Add ``left @ right`` to a contiguous (M, N) in place; see :func:`product`."""
    if can_compute(total, left, right, precision=precision):
        add_product_(total, left, right, precision=precision)
    else:
        total += product(left, right, precision=precision)


def product_and_sums(left: Tensor, right: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
    """Return ``left @ right`` and the sums of the columns of ``right``: gradients of weights and of a bias.

    Args:
        left: (M, K).
        right: (K, N).
        precision: of the product.
    """
    if not can_compute(left, right, precision=precision):
        return product(left, right, precision=precision), right.sum(dim=0)
    sums = right.new_zeros(right.shape[1])
    return multiply(left, right, precision=precision, column_sums=sums), sums


def _goes_to_onednn(left: Tensor, right: Tensor) -> bool:
    return (
        _ONEDNN
        and right.numel() >= _MIN_ELEMENTS
        and left.numel() > 0
        and left.dtype == right.dtype == torch.float32
        and left.device.type == "cpu"
        and not torch.compiler.is_compiling()
    )


def affine(
    inputs: Tensor, matrix: Tensor, bias: Tensor, precision: Precision, packed: PackedWeights
) -> Tensor:
    """Return ``inputs @ matrix + bias`` with gradients: (M, K), (K, N), (N,) to (M, N).

    ``packed`` is where the layer keeps its packed matrix.
    """
    outputs: Tensor = _Affine.apply(  # type: ignore[no-untyped-call]
        inputs, matrix, bias, precision, unless_compiling(packed)
    )
    return outputs


def unless_compiling(packed: PackedWeights) -> PackedWeights | None:
    """Return the argument, or None where PyTorch's compiler, which knows tensors alone, traces the call."""
    return None if torch.compiler.is_compiling() else packed


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        matrix: Tensor,
        bias: Tensor,
        precision: Precision,
        packed: PackedWeights | None,
    ) -> Tensor:
        ctx.save_for_backward(inputs, matrix)
        ctx.precision = precision
        return product_by_weights(inputs, "affine", matrix, bias, precision, packed)

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, matrix = ctx.saved_tensors
        need_inputs, need_matrix, need_bias = ctx.needs_input_grad[:3]
        grad_inputs = product(gradient, matrix.t(), precision=ctx.precision) if need_inputs else None
        if not need_matrix:
            return grad_inputs, None, gradient.sum(dim=0) if need_bias else None, None, None
        return grad_inputs, *product_and_sums(inputs.t(), gradient, ctx.precision), None, None
