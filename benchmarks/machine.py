"""Measurements and estimates of the machine's speed, for comparison."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from elmokit.config import ModelConfig


def seconds_per_call(function: Callable[[], object], *, min_seconds: float = 3.0) -> float:
    """Return the median duration of repeated calls, after a warm-up call."""
    function()
    durations: list[float] = []
    while sum(durations) < min_seconds or len(durations) < 3:
        started = time.perf_counter()
        function()
        durations.append(time.perf_counter() - started)
    return sorted(durations)[len(durations) // 2]


def peak_flops() -> float:
    """Measure the floating-point operations per second of a large float32 matrix product."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    return 2 * 2048**3 / seconds_per_call(lambda: a @ b, min_seconds=1.0)


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
