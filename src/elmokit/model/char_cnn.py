"""The character encoder: word types to context-free token vectors (Kim et al. 2016).

A convolution over characters is a sum of table rows. The alphabet has 262 symbols, so for a filter of
width w the products ``table[symbol, offset] = embedding[symbol] · kernel[offset]`` are computed once a
batch, and the value of a window is the sum of w rows. Of a larger alphabet the table has the blocks of 262
symbols that occur in the batch. Two further facts save most of the work:

- After a word's last byte its row repeats one padding symbol to the end, so all windows behind the
  word are equal and one of them stands for all.
- Max-pooling lets the gradient through at one window per type and filter, so the backward pass is a
  scatter of w numbers there, not a convolution.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from elmokit.alphabet import NUM_CHARACTER_SYMBOLS
from elmokit.config import CharCnnConfig

_BLOCK = NUM_CHARACTER_SYMBOLS + 1  # symbols whose table rows are computed together


class CharCnn(nn.Module):
    """Character embedding, convolutions, max-pooling, highway layers and projection.

    Args:
        config: filters, highway layers and activation.
        output_dim: width P of a token vector; where it equals the number of filters there is no
            projection.
        num_symbols: A of the alphabet; :data:`~elmokit.alphabet.MASK_SYMBOL` is that of the bytes'
            alphabet, and every other alphabet's mask is likewise its ``num_symbols``.

    The parameters are laid out as bilm-tf stores them: ``embedding`` (A, E), ``kernels[k]``
    (width, E, number), ``highway`` and ``projection`` matrices to be multiplied from the right.
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

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize as bilm-tf does."""
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
            char_ids: (U, C) symbols; the mask in every place of a padding token.

        Returns:
            Token vectors (U, P).
        """
        lengths = _lengths(char_ids)
        order = torch.argsort(lengths, descending=True, stable=True)
        char_ids, lengths = char_ids[order], lengths[order]
        # The mask's row of zeros is not stored.
        embedding = F.pad(self.embedding, (0, 0, 0, 1))  # (A + 1, E)
        blocks = embedding[None]
        if len(embedding) > _BLOCK:
            blocks, char_ids = _blocks_that_occur(embedding, char_ids)
        pooled = []
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            # A product for each block: a symbol's row is the same to the bit whatever else occurs.
            products = [torch.einsum("ae,wen->awn", block, kernel).flatten(0, 1) for block in blocks]
            table = products[0] if len(products) == 1 else torch.cat(products)  # ((A + 1)·width, n)
            pooled.append(_pooled_convolution(table, char_ids, lengths, width=len(kernel)) + bias)  # (U, n)
        features = torch.cat(pooled, dim=1)  # (U, F)
        features = torch.relu(features) if self.activation == "relu" else torch.tanh(features)
        for highway in self.highways:
            features = highway(features)
        if self.projection is not None and self.projection_bias is not None:
            features = torch.addmm(self.projection_bias, features, self.projection)  # (U, P)
        return features[torch.argsort(order)]


class Highway(nn.Module):
    """``gate·relu(x W_transform + b_transform) + (1 - gate)·x`` (Srivastava et al. 2015).

    The matrix that the original calls *carry* computes the gate, which multiplies the transform; the
    transform is a relu whatever the activation of the convolutions.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.carry = nn.Parameter(torch.empty(dim, dim))
        self.carry_bias = nn.Parameter(torch.empty(dim))
        self.transform = nn.Parameter(torch.empty(dim, dim))
        self.transform_bias = nn.Parameter(torch.empty(dim))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize so that the layer starts by passing most of its input through."""
        scale = 1.0 / math.sqrt(len(self.carry))
        self.carry.normal_(0.0, scale, generator=generator)
        self.carry_bias.fill_(-2.0)
        self.transform.normal_(0.0, scale, generator=generator)
        self.transform_bias.zero_()

    def forward(self, features: Tensor) -> Tensor:
        """(U, F) to (U, F)."""
        gate = torch.sigmoid(torch.addmm(self.carry_bias, features, self.carry))
        transform = torch.relu(torch.addmm(self.transform_bias, features, self.transform))
        return gate * transform + (1 - gate) * features


def _lengths(char_ids: Tensor) -> Tensor:
    """Places of each row (U, C) before its last symbol starts to repeat to the end."""
    differs = char_ids != char_ids[:, -1:]
    places = torch.arange(1, char_ids.shape[1] + 1, device=char_ids.device)
    return (differs * places).amax(dim=1)


def _blocks_that_occur(embedding: Tensor, char_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Those blocks (·, 262, E) of the alphabet that ``char_ids`` (U, C) need, and the ids' places in them."""
    blocks = F.pad(embedding, (0, 0, 0, -len(embedding) % _BLOCK)).unflatten(0, (-1, _BLOCK))
    numbers, places = torch.unique(char_ids // _BLOCK, return_inverse=True)
    return blocks[numbers], places * _BLOCK + char_ids % _BLOCK


def _pooled_convolution(table: Tensor, char_ids: Tensor, lengths: Tensor, *, width: int) -> Tensor:
    """The maximum over all windows of the sum of table rows.

    Args:
        table: ((A + 1)·width, n), row ``symbol·width + offset``.
        char_ids: (U, C), types sorted by falling length.
        lengths: (U,), from :func:`_lengths`.
        width: of the filters.

    Returns:
        (U, n).
    """
    num_places = char_ids.shape[1]
    # One window behind the word stands for all, where there is room for one.
    num_windows = (lengths + 1).clamp(max=num_places - width + 1)
    counts = torch.bincount(num_windows)
    types_at = counts.flip(0).cumsum(0).flip(0)[1:].tolist()  # types that have a window at each place
    pooled: Tensor = _PooledConvolution.apply(  # type: ignore[no-untyped-call]
        table, char_ids, tuple(types_at), width
    )
    return pooled


class _PooledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, char_ids: Tensor, types_at: tuple[int, ...], width: int) -> Tensor:
        offsets = torch.arange(width, device=char_ids.device)
        rows = char_ids * width  # of offset 0
        best = F.embedding_bag(rows[:, :width] + offsets, table, mode="sum")  # (U, n)
        best_place = torch.zeros_like(best, dtype=torch.int32)
        for place, num_types in enumerate(types_at):
            if place == 0:
                continue
            window = rows[:num_types, place : place + width] + offsets
            value = F.embedding_bag(window, table, mode="sum")
            better = value > best[:num_types]
            torch.maximum(best[:num_types], value, out=best[:num_types])
            best_place[:num_types].masked_fill_(better, place)
        ctx.width = width
        ctx.save_for_backward(rows, best_place)
        ctx.table_shape = table.shape
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, best_place = ctx.saved_tensors
        grad_table = grad.new_zeros(ctx.table_shape)
        place = best_place.long()
        for offset in range(ctx.width):
            grad_table.scatter_add_(0, rows.gather(1, place + offset) + offset, grad)
        return grad_table, None, None, None
