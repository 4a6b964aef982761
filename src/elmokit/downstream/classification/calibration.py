"""Probabilities that mean what they say: temperature scaling, and the error that is left.

Both are of Guo et al. (2017), "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

import math

import numpy as np

_LOWEST, _HIGHEST = 0.05, 20.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_NUM_STEPS = 60
_NUM_BINS = 15


def probabilities(logits: np.ndarray, temperature: float, *, is_multi_label: bool) -> np.ndarray:
    """Return (N, K) probabilities of the labels for logits (N, K).

    Args:
        logits: the outputs of a network.
        temperature: what they are divided by.
        is_multi_label: whether each label has a probability of its own; else those of a text sum to 1.
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    if is_multi_label:
        found: np.ndarray = 0.5 * (1 + np.tanh(scaled / 2))  # the logistic function, without overflow
        return found
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def loss(logits: np.ndarray, targets: np.ndarray, temperature: float, *, is_multi_label: bool) -> float:
    """Return the average negative log-likelihood of the targets (N, K), from 0 to 1."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    if is_multi_label:
        return float((np.logaddexp(0, scaled) - targets * scaled).mean())
    largest = scaled.max(axis=1, keepdims=True)
    log_total = largest[:, 0] + np.log(np.exp(scaled - largest).sum(axis=1))
    return float((targets.sum(axis=1) * log_total - (targets * scaled).sum(axis=1)).mean())


def best_temperature(logits: np.ndarray, targets: np.ndarray, *, is_multi_label: bool) -> float:
    """Return the temperature under which the targets are most likely; 1 if there are none.

    The targets are smoothed as by Platt (1999), as if each label had been seen once more: few texts, all of
    them right, are no reason to be certain. The loss has one minimum, which is found by golden-section
    search over the logarithm.
    """
    num_texts, num_labels = logits.shape
    if not num_texts:
        return 1.0
    targets = (num_texts * targets + 1) / (num_texts + (2 if is_multi_label else num_labels))

    def at(position: float) -> float:
        return loss(logits, targets, math.exp(position), is_multi_label=is_multi_label)

    low, high = math.log(_LOWEST), math.log(_HIGHEST)
    for _ in range(_NUM_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if at(left) <= at(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def calibration_error(confidences: np.ndarray, is_right: np.ndarray) -> float:
    """Return the expected calibration error: how far confidence is from accuracy, over 15 equal bins.

    Args:
        confidences: (M,) probabilities of predictions.
        is_right: (M,) whether each of them is right.
    """
    if not len(confidences):
        return math.nan
    bins = np.minimum((confidences * _NUM_BINS).astype(np.int64), _NUM_BINS - 1)
    gaps = np.bincount(bins, weights=confidences - is_right, minlength=_NUM_BINS)
    return float(np.abs(gaps).sum() / len(confidences))
