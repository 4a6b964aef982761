"""The weighted sum of a biLM's layers (Peters et al. 2018, equation 1)."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from elmokit.errors import ConfigError

_VARIANCE_EPSILON = 1e-12  # as in bilm-tf and AllenNLP


def mix_layers(
    layers: Sequence[Tensor], weights: Tensor, gamma: Tensor, norm_mask: Tensor | None = None
) -> Tensor:
    """Return the weighted sum ``gamma · Σ weights[k]·layers[k]``.

    Args:
        layers: L tensors (…, T, D).
        weights: (L,), already normalized.
        gamma: (1,).
        norm_mask: (…, T), True at words: each layer is first normalized by its mean and variance over all
            words of the batch and all D features. None for no normalization.

    Returns:
        (…, T, D).
    """
    if norm_mask is not None:
        layers = [_normalized(layer, norm_mask) for layer in layers]
    terms = [weight * layer for weight, layer in zip(weights, layers, strict=True)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    mixture: Tensor = gamma * total
    return mixture


def _normalized(layer: Tensor, mask: Tensor) -> Tensor:
    present = mask.unsqueeze(-1).to(layer.dtype)  # (..., T, 1)
    # Avoids 0/0 for a batch without words.
    count = (present.sum() * layer.shape[-1]).clamp(min=1)
    mean = (layer * present).sum() / count
    variance = (((layer - mean) * present) ** 2).sum() / count
    return (layer - mean) / torch.sqrt(variance + _VARIANCE_EPSILON)


class ScalarMix(nn.Module):
    """AllenNLP's ``gamma · Σ softmax(s)[k]·layers[k]``, with one learned scalar ``s[k]`` per layer.

    Args:
        mixture_size: number of layers L.
        do_layer_norm: normalize each layer over the words of the batch before summing.
        initial_scalar_parameters: initial values of ``s``; zeros by default, which gives the average.
        trainable: whether ``s`` and ``gamma`` are trained.

    Raises:
        ConfigError: if there are not as many values as layers.
    """

    def __init__(
        self,
        mixture_size: int,
        do_layer_norm: bool = False,
        initial_scalar_parameters: Sequence[float] | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        initial = [0.0] * mixture_size if initial_scalar_parameters is None else initial_scalar_parameters
        if not isinstance(initial, Sized) or len(initial) != mixture_size:
            raise ConfigError(
                f"initial_scalar_parameters: expected one number for each of {mixture_size} layers, "
                f"got {initial}"
            )
        self.mixture_size = mixture_size
        self.do_layer_norm = do_layer_norm
        # One parameter per layer, under these names, so that state dicts of AllenNLP models can be loaded.
        self.scalar_parameters = nn.ParameterList(
            nn.Parameter(torch.tensor([float(value)]), requires_grad=trainable) for value in initial
        )
        self.gamma = nn.Parameter(torch.ones(1), requires_grad=trainable)

    def __repr__(self) -> str:
        return f"ScalarMix({self.mixture_size} layers, do_layer_norm={self.do_layer_norm})"

    @property
    def weights(self) -> Tensor:
        """Weights (L,) of the layers: ``softmax(s)``, which sums to 1."""
        return torch.softmax(torch.cat(list(self.scalar_parameters)), dim=0)

    if TYPE_CHECKING:

        def __call__(self, tensors: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
            """Run :meth:`forward`; nn.Module declares that a call returns Any."""

    def forward(self, tensors: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        """Mix layers.

        Args:
            tensors: L layers (B, T, D).
            mask: (B, T), True at words; only needed for layer normalization.

        Returns:
            (B, T, D).

        Raises:
            ConfigError: if the number of layers is wrong, or the mask is missing for layer normalization.
        """
        if len(tensors) != self.mixture_size:
            raise ConfigError(f"expected {self.mixture_size} layers, got {len(tensors)}")
        if self.do_layer_norm and mask is None:
            raise ConfigError("do_layer_norm needs a mask of the words: pass mask")
        return mix_layers(tensors, self.weights, self.gamma, mask if self.do_layer_norm else None)
