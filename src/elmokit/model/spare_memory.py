"""Memory that a layer uses again.

The C library gives large blocks back to the system as soon as they are freed. The system clears them before
it gives them out again, a page at a time, which takes up to a tenth of the time of a training step.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor


class SpareMemory:
    """Matrices of the same shape that nobody uses now. Copies and pickles of a layer start without them."""

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[SpareMemory], tuple[()]]:
        return SpareMemory, ()

    def take(self, num_rows: int, num_columns: int) -> Tensor:
        """Return a float32 matrix of any values on the CPU, whatever the defaults of PyTorch are."""
        with self._lock:
            if self._tensors and self._tensors[-1].shape == (num_rows, num_columns):
                return self._tensors.pop()
            self._tensors.clear()
        return torch.empty(num_rows, num_columns, dtype=torch.float32, device="cpu")

    def give_back(self, tensor: Tensor) -> None:
        """Keep a matrix, which must not be used any more, for the next one who asks for its shape."""
        with self._lock:
            self._tensors.append(tensor)
