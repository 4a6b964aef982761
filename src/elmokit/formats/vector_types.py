"""Vectors in fewer bytes: half precision, and 8-bit integers with a scale per vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elmokit.errors import OutputError
from elmokit.formats.vector_choices import VectorType

_LARGEST_INT8 = 127


@dataclass(frozen=True)
class StoredVectors:
    """Vectors as they are stored."""

    values: np.ndarray
    """(..., D) of the type they are stored as."""
    scales: np.ndarray | None
    """(...) float32 factor of each vector; None if the type needs none."""

    def restored(self) -> np.ndarray:
        """Return the vectors as float32."""
        values = self.values.astype(np.float32)
        return values if self.scales is None else values * self.scales[..., None]


def stored_as(vectors: np.ndarray, kind: VectorType) -> StoredVectors:
    """Convert float32 vectors (..., D).

    An int8 vector is scaled by its largest component, so that no component is off by more than 1/254 of it.
    One with components that are not finite has no scale: it is restored as NaN.

    Raises:
        OutputError: If a value is too large for float16.
    """
    if kind == "float32":
        return StoredVectors(np.asarray(vectors, np.float32), None)
    if kind == "float16":
        with np.errstate(over="ignore"):
            values = vectors.astype(np.float16)
        if np.isinf(values[np.isfinite(vectors)]).any():
            raise OutputError(
                "a vector has values beyond 65,504, the largest of float16: use float32 or int8"
            )
        return StoredVectors(values, None)
    largest = np.abs(vectors).max(axis=-1, initial=0.0)
    is_finite = np.isfinite(largest)
    vectors = np.where(is_finite[..., None], vectors, np.float32(0))
    scales = np.where(is_finite, largest / _LARGEST_INT8, np.nan).astype(np.float32)
    divisors = np.where(scales > 0, scales, np.float32(1))
    return StoredVectors(np.rint(vectors / divisors[..., None]).astype(np.int8), scales)


class Deviation:
    """How much stored vectors differ from the computed ones."""

    def __init__(self) -> None:
        self.largest = 0.0
        """Largest difference of a component."""
        self.squared_error = self.squared_norm = 0.0
        """Sums over all components of all vectors."""

    def add(self, vectors: np.ndarray, stored: StoredVectors) -> None:
        """Take vectors (..., D) into account, those of finite numbers."""
        if stored.values.dtype == np.float32:
            return
        is_finite = np.isfinite(vectors).all(axis=-1)
        if not is_finite.any():
            return
        vectors = vectors[is_finite]
        errors = stored.restored()[is_finite] - vectors
        self.largest = max(self.largest, float(np.abs(errors).max()))
        self.squared_error += float(np.vdot(errors, errors))
        self.squared_norm += float(np.vdot(vectors, vectors))

    def add_figures(self, largest: float, squared_error: float, squared_norm: float) -> None:
        """Take the figures of other vectors into account."""
        self.largest = max(self.largest, largest)
        self.squared_error += squared_error
        self.squared_norm += squared_norm

    @property
    def relative(self) -> float:
        """Norm of all differences together, as a share of the norm of all vectors."""
        return (self.squared_error / self.squared_norm) ** 0.5 if self.squared_norm else 0.0
