"""Read the history of a training run: its perplexity over tokens and time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmokit.errors import ElmokitError
from elmokit.training.journal import read_metrics

SMOOTHING = 0.03
"""Standard deviation of the weights of smoothing, as a fraction of the records of a run."""
# What lies above comes from a damaged line, and could not be drawn.
_LARGEST_AMOUNT = 1e18
_LARGEST_PERPLEXITY = 1e100


@dataclass(frozen=True)
class Curve:
    """Perplexity over the course of a run; one entry per record."""

    tokens: np.ndarray
    """(N,) tokens trained on so far."""
    seconds: np.ndarray
    """(N,) seconds since the start."""
    perplexity: np.ndarray
    """(N,)"""


@dataclass(frozen=True)
class RunHistory:
    """The learning curves of one run."""

    train: Curve
    """Training batches, as recorded."""
    smoothed: np.ndarray
    """(N,) their perplexity, smoothed."""
    heldout: Curve
    """Heldout text."""


def read_history(save_dir: Path) -> RunHistory:
    """Read the learning curves of a training run.

    Steps that were repeated after the run went back to a checkpoint replace the earlier ones.

    Raises:
        ElmokitError: if the directory is not a training run, or the run has no records yet.
    """
    records = _without_repeated_steps(read_metrics(save_dir))
    train = [
        record for record in records if _is_point(record, "train") and _is_amount(record.get("predictions"))
    ]
    heldout = [record for record in records if _is_point(record, "heldout")]
    if not train:
        raise ElmokitError(
            f"{save_dir / 'metrics.jsonl'}: no training records yet, or none that can be read: "
            "wait for the first steps"
        )
    steps = np.array([0, *(record["step"] for record in train)], dtype=float)
    tokens = np.array([0, *(record["predictions"] for record in train)], dtype=float)
    perplexity = _column(train, "perplexity")
    return RunHistory(
        Curve(tokens[1:], _column(train, "seconds"), perplexity),
        _smoothed(perplexity),
        Curve(
            np.interp(_column(heldout, "step"), steps, tokens),
            _column(heldout, "seconds"),
            _column(heldout, "perplexity"),
        ),
    )


def _is_point(record: dict[str, Any], event: str) -> bool:
    perplexity: Any = record.get("perplexity")
    return (
        record["event"] == event
        and _is_amount(record.get("seconds"))
        and type(perplexity) in (int, float)
        and 0 < perplexity < _LARGEST_PERPLEXITY
    )


def _is_amount(value: Any) -> bool:
    """Whether a value is a number of tokens or seconds; NaN is not."""
    return type(value) in (int, float) and 0 <= value < _LARGEST_AMOUNT


def _without_repeated_steps(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop the records of steps that were repeated later."""
    kept: list[dict[str, Any]] = []
    for record in records:
        start = len(kept)  # of the records to drop
        for index in range(len(kept) - 1, -1, -1):
            other = kept[index]
            if other["step"] < record["step"]:
                break
            if other["step"] > record["step"] or other.get("event") == record.get("event"):
                start = index
        del kept[start:]
        kept.append(record)
    return kept


def _column(records: list[dict[str, Any]], key: str) -> np.ndarray:
    return np.array([record[key] for record in records], dtype=float)


def _smoothed(perplexity: np.ndarray) -> np.ndarray:
    """Return the Gaussian-weighted geometric mean around each value."""
    width = SMOOTHING * len(perplexity)
    indices = np.arange(len(perplexity))
    reach = max(1, int(3 * width))
    smoothed = np.empty(len(perplexity))
    for index in indices:
        near = slice(max(0, index - reach), index + reach + 1)
        weights = np.exp(-0.5 * ((indices[near] - index) / max(width, 0.3)) ** 2)
        smoothed[index] = np.exp(np.average(np.log(perplexity[near]), weights=weights))
    return smoothed
