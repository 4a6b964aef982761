"""The weighted sum of a biLM's layers (Peters et al. 2018, equation 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elmokit.errors import ConfigError

_VARIANCE_EPSILON = 1e-12  # of both originals


def mix_layers(
    layers: Sequence[Tensor], weights: Tensor, gamma: Tensor, norm_mask: Tensor | None = None
) -> Tensor:
    """``gamma · Σ weights[k]·layers[k]``.

    Args:
        layers: L tensors (…, T, D).
        weights: (L,), as they are to be used.
        gamma: (1,).
        norm_mask: (…, T), True at words: every layer is first normalized by its mean and variance over
            all words of the batch and all D places. None for no normalization.

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
    # A batch without a word has nothing to be normalized.
    count = (present.sum() * layer.shape[-1]).clamp(min=1)
    mean = (layer * present).sum() / count
    variance = (((layer - mean) * present) ** 2).sum() / count
    return (layer - mean) / torch.sqrt(variance + _VARIANCE_EPSILON)


class ScalarMix(nn.Module):
    """``gamma · Σ softmax(s)[k]·layers[k]`` with a learned number ``s[k]`` per layer, as in AllenNLP.

    Args:
        mixture_size: number of layers L.
        do_layer_norm: normalize each layer over the words of the batch before the sum.
        initial_scalar_parameters: the numbers ``s``; zeros, an average, by default.
        trainable: whether ``s`` and ``gamma`` learn.

    Raises:
        ConfigError: when there are not as many numbers as layers.
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
        if len(initial) != mixture_size:
            raise ConfigError(
                f"initial_scalar_parameters: expected a number for each of {mixture_size} layers, "
                f"got {initial}"
            )
        self.mixture_size = mixture_size
        self.do_layer_norm = do_layer_norm
        # One parameter per layer, and these names: state dicts of AllenNLP models fit.
        self.scalar_parameters = nn.ParameterList(
            nn.Parameter(torch.tensor([float(value)]), requires_grad=trainable) for value in initial
        )
        self.gamma = nn.Parameter(torch.ones(1), requires_grad=trainable)

    @property
    def weights(self) -> Tensor:
        """(L,) what the layers are multiplied by: ``softmax(s)``, which sums to 1."""
        return torch.softmax(torch.cat(list(self.scalar_parameters)), dim=0)

    def forward(self, tensors: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        """Mix layers.

        Args:
            tensors: L layers (B, T, D).
            mask: (B, T), True at words; needed for layer normalization only.

        Returns:
            (B, T, D).

        Raises:
            ConfigError: for another number of layers, or layer normalization without a mask.
        """
        if len(tensors) != self.mixture_size:
            raise ConfigError(f"expected {self.mixture_size} layers, got {len(tensors)}")
        if self.do_layer_norm and mask is None:
            raise ConfigError("do_layer_norm needs the mask of words")
        return mix_layers(tensors, self.weights, self.gamma, mask if self.do_layer_norm else None)
