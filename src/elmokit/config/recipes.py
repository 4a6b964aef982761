"""Named sets of training settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BILM_RECIPE: Mapping[str, Any] = {
    "optimizer": "adagrad",
    "learning_rate": 0.2,
    "schedule": "constant",
    "warmup": 0.0,
    "initial_accumulator": 1.0,
    "clip_norm": 10.0,
    "dropout": 0.1,
    "state_reset": 0.0,
    "unigram_bias": False,
}
"""Settings of the recipe of Peters et al. 2018 that differ from the defaults of TrainingConfig."""
