"""What a highway layer computes beside its matrix products: ``highway.c``."""

from __future__ import annotations

import torch
from torch import Tensor

from elmokit.kernels.library import library


def highway_(gate: Tensor, transform: Tensor, features: Tensor) -> Tensor:
    """Activate the sums of gate and transform in place, and return ``gate·transform + (1 - gate)·features``.

    Args:
        gate: (U, F), contiguous; becomes its sigmoid.
        transform: (U, F), contiguous; becomes its relu.
        features: (U, F).
    """
    features = features.contiguous()
    outputs = torch.empty_like(features)
    library().elmokit_highway(
        gate.numel(), gate.data_ptr(), transform.data_ptr(), features.data_ptr(), outputs.data_ptr()
    )
    return outputs


def highway_gradient(
    gate: Tensor, transform: Tensor, features: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of both sums, and of the features without what passed through the sums.

    Args:
        gate: (U, F), activated.
        transform: (U, F), activated.
        features: (U, F).
        gradient: (U, F) of the outputs.
    """
    features, gradient = features.contiguous(), gradient.contiguous()
    found = torch.empty_like(gate), torch.empty_like(gate), torch.empty_like(gate)
    library().elmokit_highway_gradient(
        gate.numel(), *(values.data_ptr() for values in (gate, transform, features, gradient, *found))
    )
    return found
