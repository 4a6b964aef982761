"""Measurements and estimates of the machine's speed, for comparison."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from elmokit.config import ModelConfig
from elmokit.kernels.library import is_available


def seconds_per_call(function: Callable[[], object], *, min_seconds: float = 3.0) -> float:
    """Return the median duration of repeated calls, after a warm-up call."""
    function()
    durations: list[float] = []
    while sum(durations) < min_seconds or len(durations) < 3:
        started = time.perf_counter()
        function()
        durations.append(time.perf_counter() - started)
    return sorted(durations)[len(durations) // 2]


def peak_flops(precision: str = "float32") -> float:
    """Measure the operations per second of a large product of PyTorch, in ``float32`` or ``bf16``."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = torch.randn(2048, 2048).to(kind), torch.randn(2048, 2048).to(kind)
    return 2 * 2048**3 / seconds_per_call(lambda: a @ b, min_seconds=1.0)


def peaks() -> dict[str, float]:
    """Measure and print the peaks of the precisions that the processor has; there is none for int8."""
    found = {"float32": peak_flops()}
    if is_available("bf16"):
        found["bf16"] = peak_flops("bf16")
    print(
        f"{torch.get_num_threads()} threads, "
        + ", ".join(f"{flops / 1e9:.0f} GFLOP/s in {name}" for name, flops in found.items())
        + " in a 2048 x 2048 x 2048 product"
    )
    return found


def lstm_flops_per_token(config: ModelConfig) -> float:
    """Return the operations of the forward pass per token, over all layers and directions.

    A multiplication and an addition count as two operations.
    """
    lstm = config.lstm
    kernel = 2 * lstm.projection_dim * 4 * lstm.cell_dim
    projection = lstm.cell_dim * lstm.projection_dim if lstm.cell_dim != lstm.projection_dim else 0
    return 2.0 * config.num_directions * lstm.num_layers * (kernel + projection)


def encoder_flops_per_type(config: ModelConfig) -> float:
    """Return the operations of the forward pass per word type: highway layers and projection.

    Convolutions are table look-ups and do not count.
    """
    assert config.char_cnn is not None
    width = config.char_cnn.num_filters
    return 2.0 * (config.char_cnn.num_highway * 2 * width * width + width * config.lstm.projection_dim)
