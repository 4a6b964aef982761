"""Whether one system is better than another on the items of a test set, or only luckier.

Both tests are paired: they look at the same item under both systems. The score of a system with several runs
is the mean of their scores.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from elmokit.arguments import checked, described
from elmokit.downstream.comparison.metrics import Metric
from elmokit.errors import ConfigError, ElmokitError

NUM_RESAMPLES = 10_000
LEVEL = 0.05
"""A difference is called significant if its corrected p-values are below."""

_WEIGHTS_PER_CHUNK = 1 << 22  # bounds the memory of the weights of items


@dataclass(frozen=True)
class PairedTest:
    """The difference between two systems: ``first`` minus ``second``."""

    first: str
    second: str
    difference: float
    low: float
    """Lower end of the 95% interval of the difference, by paired bootstrap over test items."""
    high: float
    p_bootstrap: float
    p_permutation: float
    corrected_p_bootstrap: float
    """After the correction of Holm (1979) for the number of pairs."""
    corrected_p_permutation: float

    @property
    def is_significant(self) -> bool:
        """Whether both corrected p-values are below :data:`LEVEL`."""
        return max(self.corrected_p_bootstrap, self.corrected_p_permutation) < LEVEL


@checked
def paired_tests(
    systems: Mapping[str, np.ndarray], metric: Metric, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> list[PairedTest]:
    """Test every pair of systems.

    Args:
        systems: for each system the counts (S, N, C) of its S runs on the same N items; S may differ.
        metric: the score.
        num_resamples: number of permutations, and of bootstrap samples.
        seed: random seed; the same seed gives the same results.

    Returns:
        A test for each pair, in the order of the systems.

    Raises:
        ConfigError: if counts are something else.
        ElmokitError: if the systems were not tested on the same number of items, or there are none.
    """
    for name, counts in systems.items():
        if not isinstance(counts, np.ndarray) or counts.ndim != 3 or counts.dtype.kind not in "biuf":
            raise ConfigError(
                f"systems[{name!r}]: expected an array (S, N, C) of numbers, got {described(counts)}"
            )
    sizes = {counts.shape[1] for counts in systems.values()}
    if len(sizes) > 1 or 0 in sizes:
        raise ElmokitError(f"systems must be tested on the same items: got {sorted(sizes)} items")
    pairs = list(itertools.combinations(systems, 2))
    if not pairs:
        return []
    resampled = bootstrap_scores(systems, metric, num_resamples=num_resamples, seed=seed)
    differences = [resampled[first] - resampled[second] for first, second in pairs]
    by_bootstrap = [bootstrap_p_value(own) for own in differences]
    by_permutation = [
        permutation_p_value(systems[first], systems[second], metric, num_resamples=num_resamples, seed=seed)
        for first, second in pairs
    ]
    return [
        PairedTest(
            first,
            second,
            score(systems[first], metric) - score(systems[second], metric),
            *(float(end) for end in np.quantile(own, [0.025, 0.975])),
            *p_values,
        )
        for (first, second), own, *p_values in zip(
            pairs,
            differences,
            by_bootstrap,
            by_permutation,
            holm(by_bootstrap),
            holm(by_permutation),
            strict=True,
        )
    ]


def score(counts: np.ndarray, metric: Metric) -> float:
    """Return the score of a system with the counts (S, N, C): the mean over its runs."""
    return float(metric.score(counts.sum(axis=1)).mean())


def bootstrap_scores(
    systems: Mapping[str, np.ndarray], metric: Metric, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the scores (R,) of each system on R samples of the test items, drawn with replacement.

    The r-th sample is the same for all systems (Efron and Tibshirani 1993; Koehn 2004).
    """
    (num_items,) = {counts.shape[1] for counts in systems.values()}
    generator = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in systems}
    for number in _chunks(num_resamples, num_items):
        drawn = generator.integers(0, num_items, size=(number, num_items))
        drawn += num_items * np.arange(number)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=number * num_items).reshape(number, num_items)
        for name, counts in systems.items():
            parts[name].append(_weighted_scores(weights, counts, metric))
    return {name: np.concatenate(own) for name, own in parts.items()}


def bootstrap_p_value(differences: np.ndarray) -> float:
    """Return the two-sided p-value of resampled differences (R,): how often they have the other sign."""
    lower, upper = (np.count_nonzero(side) + 1 for side in (differences <= 0, differences >= 0))
    return float(min(1.0, 2 * min(lower, upper) / (len(differences) + 1)))


def permutation_p_value(
    first: np.ndarray,
    second: np.ndarray,
    metric: Metric,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> float:
    """Return the two-sided p-value of approximate randomization (Noreen 1989).

    If both systems were equally good, swapping their results on some items would change nothing. All
    swaps are tried where there are no more than ``num_resamples``. All runs of an item are swapped together.

    Args:
        first: counts (S, N, C) of one system.
        second: counts (S', N, C) of the other.
        metric: the score.
        num_resamples: number of random swaps R.
        seed: random seed.
    """
    num_items = first.shape[1]
    observed = abs(score(first, metric) - score(second, metric))
    is_exact = num_items < 63 and 2**num_items <= num_resamples
    extreme = total = 0
    if first.shape[0] != second.shape[0]:
        # One run of a deterministic system stands for as many runs as the other has.
        first, second = _as_many_runs(first, second), _as_many_runs(second, first)
    both = first.sum(axis=1) + second.sum(axis=1)  # (S, C)
    for swaps in _all_swaps(num_items) if is_exact else _random_swaps(num_items, num_resamples, seed):
        sums = _weighted_sums(swaps, first - second) + second.sum(axis=1)  # (R, S, C)
        difference = metric.score(sums).mean(axis=1) - metric.score(both - sums).mean(axis=1)
        extreme += int(np.count_nonzero(abs(difference) >= observed - 1e-12))
        total += len(difference)
    # The data themselves are one more arrangement, unless it is among all of them.
    return extreme / total if is_exact else (extreme + 1) / (total + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by the step-down method of Holm (1979)."""
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def _weighted_sums(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return sums (R, S, C) of counts (S, N, C) with R weights (R, N) of the items."""
    return np.tensordot(weights.astype(np.float64), counts.astype(np.float64), axes=(1, 1))


def _weighted_scores(weights: np.ndarray, counts: np.ndarray, metric: Metric) -> np.ndarray:
    scores: np.ndarray = metric.score(_weighted_sums(weights, counts)).mean(axis=1)
    return scores


def _as_many_runs(counts: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Repeat the runs of a system so that both have the least common multiple of their numbers."""
    return np.repeat(counts, np.lcm(len(counts), len(other)) // len(counts), axis=0)


def _chunks(num_resamples: int, num_items: int) -> Iterator[int]:
    """Yield numbers of samples that add up, each small enough for memory."""
    size = max(1, _WEIGHTS_PER_CHUNK // num_items)
    for start in range(0, num_resamples, size):
        yield min(size, num_resamples - start)


def _all_swaps(num_items: int) -> Iterator[np.ndarray]:
    yield (np.arange(2**num_items)[:, None] >> np.arange(num_items)) & 1


def _random_swaps(num_items: int, num_resamples: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    for number in _chunks(num_resamples, num_items):
        yield generator.integers(0, 2, size=(number, num_items), dtype=np.uint8)
