"""How well pairs were judged."""

from __future__ import annotations

import math

import numpy as np

from elmokit.downstream.words.pair_data import Kind, ranks


def pair_scores(predicted: np.ndarray, targets: np.ndarray, kind: Kind) -> dict[str, float]:
    """Compare predictions with targets.

    Args:
        predicted: (N,) probabilities or scores.
        targets: (N,) 1 and 0, or scores.
        kind: which of both.

    Returns:
        For labels ``accuracy`` (a pair is the same from 0.5 on), its 95% interval ``low`` and ``high``
        (Wilson 1927), ``precision``, ``recall``, ``f1``, and ``majority``: what the more frequent label
        reaches. For scores ``spearman`` and ``pearson``.
    """
    if kind == "score":
        return {
            "spearman": _correlation(ranks(predicted), ranks(targets)),
            "pearson": _correlation(predicted, targets),
        }
    says_same, is_same = predicted >= 0.5, targets >= 0.5
    correct = int((says_same & is_same).sum())
    accuracy = float((says_same == is_same).mean())
    low, high = _wilson(accuracy, len(targets))
    share = float(is_same.mean())
    return {
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "precision": correct / max(int(says_same.sum()), 1),
        "recall": correct / max(int(is_same.sum()), 1),
        "f1": 2 * correct / max(int(says_same.sum() + is_same.sum()), 1),
        "majority": max(share, 1 - share),
    }


def main_score(scores: dict[str, float]) -> float:
    """Return the figure to choose models by."""
    return scores["accuracy"] if "accuracy" in scores else scores["spearman"]


def _wilson(share: float, number: int, z: float = 1.959964) -> tuple[float, float]:
    center = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z / (1 + z * z / number) * math.sqrt(share * (1 - share) / number + z * z / (4 * number**2))
    return center - half, center + half


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    one, other = first - first.mean(), second - second.mean()
    size = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / size if size > 0 else 0.0
