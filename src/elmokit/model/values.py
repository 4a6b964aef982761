"""Whether numbers can be the parameters of a trained model."""

from __future__ import annotations

import torch
from torch import Tensor

# Trained ones stay below a hundred. What a flipped bit of an exponent makes of them is above, and soon
# too large to compute with.
_LARGEST = 1e6


def fault_of_values(values: Tensor) -> str | None:
    """What is wrong with parameters or vectors that come from a file; None for nothing."""
    if bool((values.abs() <= _LARGEST).all()):
        return None
    if not torch.isfinite(values).all():
        return "holds NaN or infinite values"
    return f"holds values beyond {_LARGEST:,.0f}, as no trained model does: damaged"
