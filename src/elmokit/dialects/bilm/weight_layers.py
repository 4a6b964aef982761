"""bilm-tf's ``weight_layers``: the learned weighted sum of a biLM's layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import torch
from torch import Tensor, nn

from elmokit.arguments import checked, described, whole_number, yes_or_no
from elmokit.config.section import LARGEST_DEPTH
from elmokit.errors import ConfigError
from elmokit.model.scalar_mix import mix_layers


class BilmOps(TypedDict):
    """The result of a :class:`BidirectionalLanguageModel`."""

    lm_embeddings: Tensor
    """(B, L, T - 2, D). At padding the LSTM layers are zero, and the token layer is the encoder's vector of
    padding."""
    lengths: Tensor
    """(B,) int32, number of tokens without the sentence markers."""
    mask: Tensor
    """(B, T - 2) bool, True at words."""
    token_embeddings: Tensor
    """(B, T, P), including sentence markers and padding."""


class WeightedLayers(TypedDict):
    """The result of :func:`weight_layers`."""

    weighted_op: Tensor
    """(B, T, D) weighted sum of the layers."""
    regularization_op: list[Tensor] | float
    """A list of one L2 penalty of the weights; 0.0 if only the top layer is used."""
    module: NotRequired[WeightLayers]
    """The module with the trainable weights, to be called on the next batches."""


class WeightLayers(nn.Module):
    """The learned weighted sum of a biLM's layers, ``gamma · Σ softmax(W + 1/L)[k]·layers[k]``.

    Args:
        num_layers: L.
        l2_coef: coefficient of the penalty ``l2_coef · Σ W²``; None for no penalty.
        use_top_only: use only the top layer, multiplied by ``gamma``.
        do_layer_norm: normalize each layer over the words of the batch before summing. As in bilm-tf, this
            has no effect with ``use_top_only``.
    """

    @checked
    def __init__(
        self,
        num_layers: int,
        l2_coef: float | None = None,
        use_top_only: bool = False,
        do_layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.l2_coef = l2_coef or 0.0
        self.do_layer_norm = yes_or_no("do_layer_norm", do_layer_norm)
        num_layers = whole_number("num_layers", num_layers, least=1, most=LARGEST_DEPTH)
        self.W = None if yes_or_no("use_top_only", use_top_only) else nn.Parameter(torch.zeros(num_layers))
        self.gamma = nn.Parameter(torch.ones(1))

    def __repr__(self) -> str:
        layers = "top layer only" if self.W is None else f"num_layers={len(self.W)}"
        return f"WeightLayers({layers}, l2_coef={self.l2_coef}, do_layer_norm={self.do_layer_norm})"

    def forward(self, bilm_ops: BilmOps) -> WeightedLayers:
        """Compute the weighted sum of the layers of a batch."""
        _check(bilm_ops)
        layers = bilm_ops["lm_embeddings"].unbind(dim=1)
        if self.W is None:
            return {"weighted_op": self.gamma * layers[-1], "regularization_op": 0.0}
        weights = torch.softmax(self.W + 1.0 / len(self.W), dim=0)
        norm_mask = bilm_ops["mask"] if self.do_layer_norm else None
        return {
            "weighted_op": mix_layers(layers, weights, self.gamma, norm_mask),
            "regularization_op": [self.l2_coef * self.W.square().sum()],
        }


@checked
def weight_layers(
    name: str,
    bilm_ops: BilmOps,
    l2_coef: float | None = None,
    use_top_only: bool = False,
    do_layer_norm: bool = False,
) -> WeightedLayers:
    """Compute the weighted sum of the layers of a batch, with new weights.

    Args:
        name: has no effect, because the weights belong to the returned module.
        bilm_ops: the result of a :class:`BidirectionalLanguageModel`.
        l2_coef: see :class:`WeightLayers`.
        use_top_only: see :class:`WeightLayers`.
        do_layer_norm: see :class:`WeightLayers`.

    Returns:
        The weighted sum, the penalty, and the module: pass its parameters to an optimizer and call it on the
        next batches.
    """
    _check(bilm_ops)
    num_layers = bilm_ops["lm_embeddings"].shape[1]
    module = WeightLayers(num_layers, l2_coef, use_top_only, do_layer_norm).to(
        bilm_ops["lm_embeddings"].device
    )
    mixed: WeightedLayers = module(bilm_ops)
    mixed["module"] = module
    return mixed


def _check(bilm_ops: BilmOps) -> None:
    layers = bilm_ops.get("lm_embeddings") if isinstance(bilm_ops, Mapping) else None
    if not isinstance(layers, Tensor) or layers.ndim != 4:
        raise ConfigError(
            "bilm_ops: expected the result of a BidirectionalLanguageModel, with lm_embeddings (B, L, T, D), "
            f"got {described(bilm_ops)}"
        )
