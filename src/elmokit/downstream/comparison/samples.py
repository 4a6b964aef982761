"""Small samples of the training data, for learning curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from elmokit.errors import ConfigError


def sample_order(strata: Sequence[str], seed: int) -> np.ndarray:
    """Return the indexes of all N items in an order whose every beginning is a fair sample.

    The first n items have each label about as often as all items do, but at least once if there are no
    more than n labels, and they contain the first n - 1.

    Args:
        strata: the label of each item.
        seed: another seed gives other samples.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(strata))
    totals, seen = Counter(strata), Counter[str]()
    places = np.empty(len(strata))
    for row in order:
        label = strata[row]
        # The k-th item of a label belongs where k / total of all items have come, the first one before all.
        places[row] = (seen[label] + generator.random()) / totals[label] if seen[label] else -1.0
        seen[label] += 1
    return np.argsort(places, kind="stable")


def train_sizes(choice: str, num_items: int) -> tuple[int, ...]:
    """Read a list of sample sizes such as ``10,30,100,all``.

    Args:
        choice: numbers of training items, separated by commas; ``all`` for all of them.
        num_items: the number of all training items.

    Returns:
        The distinct sizes, the smallest first.

    Raises:
        ConfigError: if one is not a number of items.
    """
    sizes = set()
    for part in choice.split(","):
        name = part.strip()
        if name == "all":
            sizes.add(num_items)
        elif name.isdecimal() and 1 <= int(name) <= num_items:
            sizes.add(int(name))
        else:
            raise ConfigError(
                f"train sizes: expected numbers from 1 to {num_items:,} (the training examples) or all, "
                f"separated by commas, got {name!r}"
            )
    return tuple(sorted(sizes))
