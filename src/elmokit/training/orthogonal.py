"""The orthogonal matrix that is nearest to a gradient, approximately: the direction of Muon's updates."""

from __future__ import annotations

import torch
from torch import Tensor

_NUM_ITERATIONS = 5
# Of the polynomial a·x + b·x³ + c·x⁵ (Jordan et al. 2024). Five times in a row it takes singular values from
# 0.01 on to between 0.68 and 1.21; it grows small ones faster than polynomials that converge to 1.
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalized(matrix: Tensor) -> Tensor:
    """Return a matrix with the singular vectors of another, whose singular values are about 1.

    This is Newton and Schulz's iteration ``X ← aX + bXXᵀX + c(XXᵀ)²X`` with the coefficients of Muon (Jordan
    et al. 2024, https://kellerjordan.github.io/posts/muon). All its factors are polynomials of ``XXᵀ``, which
    is small, so they are multiplied with each other first, and with the matrix once at the end.

    Args:
        matrix: (m, n), of float32. It takes ``2·k²·l + 17·k³`` multiplications with the shorter side k
            and the longer one l.

    Returns:
        (m, n); zeros for zeros.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonalized(matrix.t()).t()
    scaled = matrix / torch.linalg.vector_norm(matrix).clamp(min=torch.finfo(matrix.dtype).tiny)
    gram = scaled @ scaled.t()
    total = _factor(gram)
    last = total
    for _ in range(_NUM_ITERATIONS - 1):
        gram = last @ gram @ last
        last = _factor(gram)
        total = last @ total
    product: Tensor = total @ scaled
    return product


def _factor(gram: Tensor) -> Tensor:
    """Return ``aI + bG + cG²`` for a square matrix G."""
    factor = torch.addmm(gram, gram, gram, beta=_B, alpha=_C)
    factor.diagonal().add_(_A)
    return factor
