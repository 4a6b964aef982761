"""bilm-tf's ``weight_layers``: the learned sum of a biLM's layers."""

from __future__ import annotations

from typing import NotRequired, TypedDict

import torch
from torch import Tensor, nn

from elmokit.model.scalar_mix import mix_layers


class BilmOps(TypedDict):
    """What a :class:`BidirectionalLanguageModel` returns."""

    lm_embeddings: Tensor
    """(B, L, T - 2, D); at padding the LSTM layers are zero, the token layer is the encoder's vector of
    the padding there."""
    lengths: Tensor
    """(B,) int32, without the markers"""
    mask: Tensor
    """(B, T - 2) bool, True at words"""
    token_embeddings: Tensor
    """(B, T, P), markers and padding included"""


class WeightedLayers(TypedDict):
    """What :func:`weight_layers` returns."""

    weighted_op: Tensor
    """(B, T, D)"""
    regularization_op: list[Tensor] | float
    """The penalty of the weights, one number in a list; 0.0 for the top layer alone."""
    module: NotRequired[WeightLayers]
    """What can be trained, and called on the next batch."""


class WeightLayers(nn.Module):
    """The learned sum of a biLM's layers, ``gamma · Σ softmax(W + 1/L)[k]·layers[k]``.

    Args:
        num_layers: L.
        l2_coef: of the penalty ``l2_coef · Σ W²``; None for none.
        use_top_only: take the top layer alone, times ``gamma``.
        do_layer_norm: normalize each layer over the words of the batch before the sum; the top layer
            alone is not normalized, as in the original.
    """

    def __init__(
        self,
        num_layers: int,
        l2_coef: float | None = None,
        use_top_only: bool = False,
        do_layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.l2_coef = l2_coef or 0.0
        self.do_layer_norm = do_layer_norm
        self.W = None if use_top_only else nn.Parameter(torch.zeros(num_layers))
        self.gamma = nn.Parameter(torch.ones(1))

    def forward(self, bilm_ops: BilmOps) -> WeightedLayers:
        """Mix the layers of a batch."""
        layers = bilm_ops["lm_embeddings"].unbind(dim=1)
        if self.W is None:
            return {"weighted_op": self.gamma * layers[-1], "regularization_op": 0.0}
        weights = torch.softmax(self.W + 1.0 / len(self.W), dim=0)
        norm_mask = bilm_ops["mask"] if self.do_layer_norm else None
        return {
            "weighted_op": mix_layers(layers, weights, self.gamma, norm_mask),
            "regularization_op": [self.l2_coef * self.W.square().sum()],
        }


def weight_layers(
    name: str,
    bilm_ops: BilmOps,
    l2_coef: float | None = None,
    use_top_only: bool = False,
    do_layer_norm: bool = False,
) -> WeightedLayers:
    """Mix the layers of a batch by new weights.

    Args:
        name: has no effect: the weights belong to the module that is returned.
        bilm_ops: from a :class:`BidirectionalLanguageModel`.
        l2_coef: see :class:`WeightLayers`, as the others.
        use_top_only: the top layer alone.
        do_layer_norm: normalize each layer first.

    Returns:
        The mixture, the penalty, and the module, whose parameters an optimizer takes and which is
        called on the next batches.
    """
    num_layers = bilm_ops["lm_embeddings"].shape[1]
    module = WeightLayers(num_layers, l2_coef, use_top_only, do_layer_norm).to(
        bilm_ops["lm_embeddings"].device
    )
    mixed: WeightedLayers = module(bilm_ops)
    mixed["module"] = module
    return mixed
