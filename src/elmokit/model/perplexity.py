"""Perplexity from cross-entropy."""

from __future__ import annotations

import math

_LARGEST_EXPONENT = 700.0  # a little below the overflow of float64


def perplexity(cross_entropy: float) -> float:
    """Return the exponential of a mean cross-entropy in nats, kept finite."""
    return math.exp(min(cross_entropy, _LARGEST_EXPONENT))
