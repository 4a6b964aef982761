"""A made-up task whose systems are right as often as their names say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from elmokit.downstream.comparison.metrics import METRICS, accuracy_counts
from elmokit.errors import ConfigError

NUM_TRAIN, NUM_TEST, NUM_ELSEWHERE = 40, 200, 100


@dataclass
class FakeModel:
    accuracy: float
    seed: int
    system: str
    num_parameters: int = 7

    @property
    def dev_score(self) -> float:
        return self.accuracy

    @property
    def mixing_weights(self) -> dict[str, list[float]]:
        return {"elmo": [0.2, 0.5, 0.3]} if self.system.startswith("elmo") else {}

    def test_counts(self) -> dict[str, np.ndarray]:
        digits = sum(map(ord, self.system))
        generator = np.random.default_rng([self.seed, digits])
        numbers = {"test": (NUM_TEST, self.accuracy), "elsewhere": (NUM_ELSEWHERE, self.accuracy - 0.3)}
        return {
            name: accuracy_counts(generator.random(number) < accuracy, np.ones(number))
            for name, (number, accuracy) in numbers.items()
        }


@dataclass
class FakeSystem:
    """Named like ``elmo-80``: right in 80% with the best settings and all examples."""

    name: str
    log: list[tuple[str, Any, int, int]]
    is_baseline: bool = False
    num_preparations: int = 0

    @property
    def fingerprint(self) -> str:
        return f"vectors of {self.name}"

    def embedding_seconds(self) -> float:
        return 1.5

    def prepare(self) -> None:
        self.num_preparations += 1

    def train(self, settings: Mapping[str, Any], rows: Sequence[int], *, seed: int) -> FakeModel:
        self.log.append((self.name, settings.get("rate"), len(rows), seed))
        accuracy = int(self.name.split("-")[1]) / 100
        accuracy -= 0.1 * (settings.get("rate", 1) != 1) + 0.2 * (len(rows) < NUM_TRAIN)
        return FakeModel(accuracy, seed, self.name)


@dataclass
class FakeExperiment:
    fingerprint: str = "data"
    metric = METRICS["accuracy"]
    strata: Sequence[str] = ("a",) * 30 + ("b",) * 10
    log: list[tuple[str, Any, int, int]] = field(default_factory=list)
    """What has been trained: system, rate, number of examples, seed."""

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        if "rate" not in settings:
            raise ConfigError("no rate")

    def system(self, name: str) -> FakeSystem:
        if "-" not in name:
            raise ConfigError(f"no system {name}")
        return FakeSystem(name, self.log, is_baseline=name.startswith("tfidf"))


@pytest.fixture
def experiment() -> FakeExperiment:
    return FakeExperiment()
