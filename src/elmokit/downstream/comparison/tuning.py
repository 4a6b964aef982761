"""The settings that are tried on the dev data: as many for each system."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import JsonValue


def trial_settings(
    settings: Mapping[str, JsonValue], search: Mapping[str, Sequence[JsonValue]], num_trials: int
) -> list[dict[str, JsonValue]]:
    """Return the settings to try, the given ones first.

    The others are drawn at random from all combinations (Bergstra and Bengio 2012), always the same ones.

    Args:
        settings: the settings of the task.
        search: the values to try for some of them.
        num_trials: how many to return at most; fewer if there are not so many combinations.
    """
    grid = [
        {**settings, **dict(zip(search, values, strict=True))}
        for values in itertools.product(*search.values())
    ]
    others = [combination for combination in grid if combination != dict(settings)]
    drawn = np.random.default_rng(0).permutation(len(others))
    return [dict(settings), *(others[place] for place in drawn)][:num_trials]
