"""What would make the scores of a comparison worthless: test data that models have seen."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Hashable, Mapping, Sequence

from elmokit.downstream.comparison.task import TEST
from elmokit.errors import ConfigError, OverlappingTextsWarning


def check_parts(
    train: Sequence[Hashable], dev: Sequence[Hashable], tests: Mapping[str, Sequence[Hashable]]
) -> None:
    """Compare the texts of the parts of a task.

    Args:
        train: the texts that models are trained on.
        dev: those that settings are chosen by.
        tests: test data by name.

    Raises:
        ConfigError: if two parts have the same texts.

    Warns:
        OverlappingTextsWarning: if some test texts are also training or dev texts.
    """
    parts = {"train": set(train), "dev": set(dev), **{name: set(test) for name, test in tests.items()}}
    for first, second in itertools.combinations(parts, 2):
        if parts[first] == parts[second]:
            raise ConfigError(f"{first} and {second} are the same texts: scores on them would mean nothing")
    seen = parts["train"] | parts["dev"]
    for name, test in tests.items():
        if num_seen := sum(text in seen for text in test):
            whose = "test texts" if name == TEST else f"texts of {name}"
            warnings.warn(
                f"{num_seen:,} of {len(test):,} {whose} are also among the training or dev texts: scores are "
                "too good",
                OverlappingTextsWarning,
                stacklevel=3,
            )
