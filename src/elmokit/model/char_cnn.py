"""The character encoder: word types to context-free token vectors (Kim et al. 2016).

A convolution over characters is a sum of table rows. The alphabet has only 262 symbols, so for a filter of
width w the products ``table[symbol, offset] = embedding[symbol] · kernel[offset]`` are computed once per
batch, and the value of a window is the sum of w rows. For a larger alphabet, the table contains only the
blocks of 262 symbols that occur in the batch. Two further facts save most of the work:

- After the last byte of a word, its row repeats one padding symbol to the end. All windows behind the word
  are therefore equal, and only one of them is computed.
- Max-pooling passes the gradient to one window per type and filter, so the backward pass is a scatter of w
  numbers, not a convolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elmokit.alphabet import NUM_CHARACTER_SYMBOLS
from elmokit.config import CharCnnConfig
from elmokit.kernels import convolution
from elmokit.kernels.cuda.availability import can_launch
from elmokit.kernels.highway import highway_, highway_gradient
from elmokit.kernels.library import can_compute
from elmokit.kernels.precisions import Precision
from elmokit.model.first_order import differentiable_once
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.precision import HasPrecision, without_autocast
from elmokit.model.products import (
    add_product,
    affine,
    product_and_sums,
    product_by_weights,
    unless_compiling,
)

_BLOCK = NUM_CHARACTER_SYMBOLS + 1  # symbols whose table rows are computed together


class CharCnn(HasPrecision):
    """Character embedding, convolutions, max-pooling, highway layers and projection.

    Args:
        config: filters, highway layers and activation.
        output_dim: width P of a token vector; there is no projection if it equals the number of filters.
        num_symbols: size A of the alphabet. The mask symbol is ``num_symbols``; for the alphabet of bytes
            that is :data:`~elmokit.alphabet.MASK_SYMBOL`.

    The parameters have the layout of bilm-tf: ``embedding`` (A, E), ``kernels[k]`` (width, E, number of
    filters), and ``highway`` and ``projection`` matrices that are multiplied from the right.
    """

    def __init__(
        self, config: CharCnnConfig, output_dim: int, num_symbols: int = NUM_CHARACTER_SYMBOLS
    ) -> None:
        super().__init__()
        num_filters = config.num_filters
        self.activation = config.activation
        self.embedding = nn.Parameter(torch.empty(num_symbols, config.embedding_dim))
        self.kernels = nn.ParameterList(
            torch.empty(width, config.embedding_dim, number) for width, number in config.filters
        )
        self.biases = nn.ParameterList(torch.empty(number) for _, number in config.filters)
        self.highways = nn.ModuleList(Highway(num_filters) for _ in range(config.num_highway))
        self.projection: nn.Parameter | None = None
        self.projection_bias: nn.Parameter | None = None
        if num_filters != output_dim:
            self.projection = nn.Parameter(torch.empty(num_filters, output_dim))
            self.projection_bias = nn.Parameter(torch.empty(output_dim))
        self._packed = PackedWeights()

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize all parameters as bilm-tf does."""
        with torch.no_grad():
            self.embedding.uniform_(-1.0, 1.0, generator=generator)
            for kernel, bias in zip(self.kernels, self.biases, strict=True):
                width, embedding_dim, _ = kernel.shape
                if self.activation == "relu":
                    kernel.uniform_(-0.05, 0.05, generator=generator)
                else:
                    kernel.normal_(0.0, math.sqrt(1.0 / (width * embedding_dim)), generator=generator)
                bias.zero_()
            for highway in self.highways:
                assert isinstance(highway, Highway)
                highway.reset_parameters(generator)
            if self.projection is not None and self.projection_bias is not None:
                self.projection.normal_(0.0, 1.0 / math.sqrt(len(self.projection)), generator=generator)
                self.projection_bias.zero_()

    def forward(self, char_ids: Tensor) -> Tensor:
        """Encode word types.

        Args:
            char_ids: (U, C) symbols; a padding token has the mask symbol at every position.

        Returns:
            Token vectors (U, P).
        """
        lengths = _lengths(char_ids)
        order = torch.argsort(lengths, descending=True, stable=True)
        char_ids, lengths = char_ids[order], lengths[order]
        # The zero row of the mask symbol is not stored.
        embedding = F.pad(self.embedding, (0, 0, 0, 1))  # (A + 1, E)
        blocks = embedding[None]
        if len(embedding) > _BLOCK:
            blocks, char_ids = _blocks_that_occur(embedding, char_ids)
        pooled = []
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            # One product per block keeps a symbol's row bit-identical whatever else is in the batch.
            products = [torch.einsum("ae,wen->awn", block, kernel).flatten(0, 1) for block in blocks]
            table = products[0] if len(products) == 1 else torch.cat(products)  # ((A + 1)·width, n)
            pooled.append(_pooled_convolution(table, char_ids, lengths, width=len(kernel)) + bias)  # (U, n)
        features = torch.cat(pooled, dim=1)  # (U, F)
        features = torch.relu(features) if self.activation == "relu" else torch.tanh(features)
        for highway in self.highways:
            features = highway(features)
        if self.projection is not None and self.projection_bias is not None:
            features = affine(
                features, self.projection, self.projection_bias, self.precision, self._packed
            )  # (U, P)
        return features[torch.argsort(order)]


class Highway(HasPrecision):
    """``gate·relu(x W_transform + b_transform) + (1 - gate)·x`` (Srivastava et al. 2015).

    The matrix that bilm-tf calls *carry* computes the gate, which multiplies the transform. The transform
    uses relu even if the convolutions use tanh.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.carry = nn.Parameter(torch.empty(dim, dim))
        self.carry_bias = nn.Parameter(torch.empty(dim))
        self.transform = nn.Parameter(torch.empty(dim, dim))
        self.transform_bias = nn.Parameter(torch.empty(dim))
        self._packed = PackedWeights()

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize as bilm-tf does, so that the layer initially passes on most of its input."""
        scale = 1.0 / math.sqrt(len(self.carry))
        self.carry.normal_(0.0, scale, generator=generator)
        self.carry_bias.fill_(-2.0)
        self.transform.normal_(0.0, scale, generator=generator)
        self.transform_bias.zero_()

    def forward(self, features: Tensor) -> Tensor:
        """Map features (U, F) to features (U, F)."""
        outputs: Tensor = _Highway.apply(  # type: ignore[no-untyped-call]
            features,
            self.carry,
            self.carry_bias,
            self.transform,
            self.transform_bias,
            self.precision,
            unless_compiling(self._packed),
        )
        return outputs


class _Highway(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        carry: Tensor,
        carry_bias: Tensor,
        transform: Tensor,
        transform_bias: Tensor,
        precision: Precision,
        packed: PackedWeights | None,
    ) -> Tensor:
        gate = product_by_weights(features, "carry", carry, carry_bias, precision, packed)
        transformed = product_by_weights(features, "transform", transform, transform_bias, precision, packed)
        if can_compute(gate, transformed, features):
            outputs = highway_(gate, transformed, features)
        else:
            gate, transformed = torch.sigmoid(gate), torch.relu(transformed)
            outputs = gate * transformed + (1 - gate) * features
        ctx.save_for_backward(features, carry, transform, gate, transformed)
        ctx.precision = precision
        return outputs

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, carry, transform, gate, transformed = ctx.saved_tensors
        if can_compute(gate, transformed, features, gradient):
            grad_gate, grad_transformed, grad_features = highway_gradient(
                gate, transformed, features, gradient
            )
        else:
            grad_gate = gradient * (transformed - features) * gate * (1 - gate)
            grad_transformed = gradient * gate * (transformed > 0)
            grad_features = gradient * (1 - gate)
        if ctx.needs_input_grad[0]:
            add_product(grad_features, grad_gate, carry.t(), ctx.precision)
            add_product(grad_features, grad_transformed, transform.t(), ctx.precision)
        return (
            grad_features,
            *product_and_sums(features.t(), grad_gate, ctx.precision),
            *product_and_sums(features.t(), grad_transformed, ctx.precision),
            None,
            None,
        )


def _lengths(char_ids: Tensor) -> Tensor:
    """Return the length of each row (U, C) before its last symbol repeats to the end."""
    differs = char_ids != char_ids[:, -1:]
    positions = torch.arange(1, char_ids.shape[1] + 1, device=char_ids.device)
    return (differs * positions).amax(dim=1)


def _blocks_that_occur(embedding: Tensor, char_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the blocks (·, 262, E) of the alphabet that occur in ``char_ids`` (U, C), and ids in them."""
    blocks = F.pad(embedding, (0, 0, 0, -len(embedding) % _BLOCK)).unflatten(0, (-1, _BLOCK))
    numbers, indexes = torch.unique(char_ids // _BLOCK, return_inverse=True)
    return blocks[numbers], indexes * _BLOCK + char_ids % _BLOCK


def _pooled_convolution(table: Tensor, char_ids: Tensor, lengths: Tensor, *, width: int) -> Tensor:
    """Return the maximum over all windows of the sum of table rows.

    Args:
        table: ((A + 1)·width, n), with row index ``symbol·width + offset``.
        char_ids: (U, C), types sorted by descending length.
        lengths: (U,), from :func:`_lengths`.
        width: width of the filters.

    Returns:
        (U, n).
    """
    num_characters = char_ids.shape[1]
    # One window behind the word represents all of them, if there is room for one.
    num_windows = (lengths + 1).clamp(max=num_characters - width + 1)
    pooled: Tensor = _PooledConvolution.apply(  # type: ignore[no-untyped-call]
        table, char_ids, num_windows, width
    )
    return pooled


class _PooledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, char_ids: Tensor, num_windows: Tensor, width: int) -> Tensor:
        compute, ctx.differentiate = _implementation(table)
        if compute is convolution.pooled_convolution and len(char_ids):
            low, high = (int(bound) for bound in char_ids.aminmax())
            if low < 0 or (high + 1) * width > len(table):  # PyTorch checks its own look-ups
                raise IndexError(f"symbols from {low} to {high}, expected 0 to {len(table) // width - 1}")
        best, position = compute(table, char_ids, num_windows, width)
        ctx.save_for_backward(char_ids, position)
        ctx.width, ctx.num_rows = width, len(table)
        return best

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        char_ids, position = ctx.saved_tensors
        return ctx.differentiate(char_ids, position, grad, ctx.num_rows, ctx.width), None, None, None


def _implementation(table: Tensor) -> tuple[Callable[..., tuple[Tensor, Tensor]], Callable[..., Tensor]]:
    """Return what computes the convolution on the device of a table, and its gradient."""
    if can_compute(table):
        return convolution.pooled_convolution, convolution.pooled_convolution_gradient
    if can_launch(table):
        from elmokit.kernels.cuda import convolution as on_cuda

        return on_cuda.pooled_convolution, on_cuda.pooled_convolution_gradient
    return _pooled_convolution_by_torch, _gradient_by_torch


def _pooled_convolution_by_torch(
    table: Tensor, char_ids: Tensor, num_windows: Tensor, width: int
) -> tuple[Tensor, Tensor]:
    """Compute what :func:`~elmokit.kernels.convolution.pooled_convolution` does, with PyTorch."""
    counts = torch.bincount(num_windows)
    types_at = counts.flip(0).cumsum(0).flip(0)[1:].tolist()  # number of types with a window at each position
    offsets = torch.arange(width, device=char_ids.device)
    rows = char_ids * width  # of offset 0
    best = F.embedding_bag(rows[:, :width] + offsets, table, mode="sum")  # (U, n)
    best_position = torch.zeros_like(best, dtype=torch.int32)
    for position, num_types in enumerate(types_at):
        if position == 0:
            continue
        window = rows[:num_types, position : position + width] + offsets
        value = F.embedding_bag(window, table, mode="sum")
        better = value > best[:num_types]
        torch.maximum(best[:num_types], value, out=best[:num_types])
        best_position[:num_types].masked_fill_(better, position)
    return best, best_position


def _gradient_by_torch(
    char_ids: Tensor, position: Tensor, gradient: Tensor, num_rows: int, width: int
) -> Tensor:
    """Compute what :func:`~elmokit.kernels.convolution.pooled_convolution_gradient` does, with PyTorch."""
    grad_table = gradient.new_zeros(num_rows, gradient.shape[1])
    for offset in range(width):
        rows = char_ids.gather(1, position.long() + offset) * width + offset
        grad_table.scatter_add_(0, rows, gradient)
    return grad_table
