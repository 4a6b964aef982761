"""Copying results to the host while a device computes the next ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def start_copy(values: Tensor) -> Callable[[], np.ndarray]:
    """Start to copy a tensor to the host, and return what waits for the copy and returns it."""
    if not values.is_cuda:
        array: np.ndarray = values.cpu().numpy()
        return lambda: array
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    with torch.cuda.device_of(values):
        host.copy_(values, non_blocking=True)
        done = torch.cuda.Event()
        done.record()

    def wait() -> np.ndarray:
        done.synchronize()
        return host.numpy()

    return wait
