"""What would make the scores of a comparison worthless: test data that models have seen."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence

from elmokit.errors import ConfigError, OverlappingTextsWarning


def check_parts(train: Sequence[Hashable], dev: Sequence[Hashable], test: Sequence[Hashable]) -> None:
    """Compare the texts of the parts of a task.

    Raises:
        ConfigError: if two parts have the same texts.

    Warns:
        OverlappingTextsWarning: if some test texts are also training or dev texts.
    """
    parts = {"train": train, "dev": dev, "test": test}
    for first, second in (("train", "dev"), ("train", "test"), ("dev", "test")):
        if set(parts[first]) == set(parts[second]):
            raise ConfigError(f"{first} and {second} are the same texts: scores on them would mean nothing")
    seen = {*train, *dev}
    if num_seen := sum(text in seen for text in test):
        warnings.warn(
            f"{num_seen:,} of {len(test):,} test texts are also among the training or dev texts: scores are "
            "too good",
            OverlappingTextsWarning,
            stacklevel=3,
        )
