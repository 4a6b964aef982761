"""Whether numbers can be the parameters of a trained model."""

from __future__ import annotations

import torch
from torch import Tensor

# Trained parameters stay below a hundred. A flipped bit in an exponent gives values beyond this bound.
_LARGEST = 1e6


def fault_of_values(values: Tensor) -> str | None:
    """Return what is wrong with parameters or vectors read from a file, or None if nothing is."""
    if bool((values.abs() <= _LARGEST).all()):
        return None
    if not torch.isfinite(values).all():
        return "holds NaN or infinite values"
    return f"holds values beyond {_LARGEST:,.0f}, as no trained model does: damaged"
