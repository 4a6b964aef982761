"""Turn a map so that it matches another as closely as possible."""

from __future__ import annotations

import numpy as np


def aligned(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Align points (N, 2) with a reference (N, 2) by orthogonal Procrustes analysis (Schönemann 1966).

    The result is centered, and the root mean square distance of its points from the center is 1.
    """
    centered, target = points - points.mean(axis=0), reference - reference.mean(axis=0)
    left, _, right = np.linalg.svd(centered.T @ target)
    rotated = centered @ (left @ right)
    size = np.sqrt((rotated**2).sum(axis=1).mean())
    scaled: np.ndarray = rotated / (size if size > 1e-9 else 1.0)
    return scaled
