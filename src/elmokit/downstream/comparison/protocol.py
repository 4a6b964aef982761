"""What a kind of task offers to a comparison, and what a comparison keeps of each model trained on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from pydantic import Field, JsonValue

from elmokit.config.section import Section
from elmokit.downstream.comparison.metrics import Metric


class Trained(Protocol):
    """A model trained on the task."""

    @property
    def dev_score(self) -> float:
        """Score on the dev data."""

    @property
    def num_parameters(self) -> int:
        """Number of trained parameters."""

    @property
    def mixing_weights(self) -> Mapping[str, Sequence[float]]:
        """The weights of the layers of each embedding that has several, which sum to 1."""

    def test_counts(self) -> Mapping[str, np.ndarray]:
        """Predict the test data; return for each name the counts (N, C) of its items, see :class:`Metric`."""


class System(Protocol):
    """An embedding or a baseline that is compared."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything but settings, rows and seed that its models depend on."""

    @property
    def is_baseline(self) -> bool:
        """Whether it has neither settings nor seeds: the same rows give the same model."""

    def embedding_seconds(self) -> float:
        """Measure the time to compute the vectors of all texts of the task once."""

    def prepare(self) -> None:
        """Compute what all its models share, so that it is not counted for one of them."""

    def train(self, settings: Mapping[str, JsonValue], rows: Sequence[int], *, seed: int) -> Trained:
        """Train a model on some rows of the training data, with early stopping on the dev data."""


class Experiment(Protocol):
    """A task with its data."""

    @property
    def metric(self) -> Metric:
        """The score that counts."""

    @property
    def fingerprint(self) -> str:
        """Digest of the data and of how they are read."""

    @property
    def strata(self) -> Sequence[str]:
        """A label for each training item; small samples have about the same shares of them."""

    def check_settings(self, settings: Mapping[str, JsonValue]) -> None:
        """Check the settings of a model.

        Raises:
            ConfigError: if one is unknown or impossible.
        """

    def system(self, name: str) -> System:
        """Load an embedding or a baseline by name.

        Raises:
            ConfigError: if there is none of this name.
            ElmokitError: if it cannot be read.
        """


class Outcome(Section):
    """What is kept of one trained model."""

    system: str
    train_size: int = Field(ge=1)
    seed: int
    settings: dict[str, JsonValue]
    dev_score: float
    test_counts: dict[str, list[list[int]]] | None
    """(N, C) for each name of test data; None for a trial, which never sees them."""
    train_seconds: float = Field(ge=0)
    peak_bytes: int | None
    """Largest memory of the process while the model was trained; None where it cannot be measured."""
    num_parameters: int = Field(ge=0)
    mixing_weights: dict[str, list[float]]

    def counts(self, test: str) -> np.ndarray:
        """Return the counts (N, C) of the items of some test data of a model that has seen them."""
        assert self.test_counts is not None
        return np.array(self.test_counts[test])
