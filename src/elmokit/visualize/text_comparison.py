"""How words are used differently in two texts: distances of mean vectors, senses, unusual occurrences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from elmokit.data.occurrences import Occurrence
from elmokit.neighbors.cosine import unit_vectors

_LEAST_COUNT = 3  # occurrences of a word in each text
_NUM_WORDS = 20
_NUM_UNUSUAL = 5  # occurrences of each text
_SHUFFLES = 100


@dataclass(frozen=True)
class WordChange:
    """How differently a word is used in two texts."""

    word: str
    counts: tuple[int, int]
    """Its occurrences in each text."""
    change: float
    """1 − cosine of its mean unit vectors in the two texts (PRT in Kutuzov and Giulianelli 2020)."""
    chance: float
    """The mean of the same distance if its occurrences are divided at random, which is above 0 as well."""
    point: int
    """Its occurrence in the second text that is least like those in the first."""


@dataclass(frozen=True)
class SenseCounts:
    """How often a sense occurs in each text."""

    name: str
    counts: tuple[int, int]


@dataclass(frozen=True)
class Unusual:
    """An occurrence that is unlike those of the same word in the other text."""

    point: int
    similarity: float
    """Mean cosine similarity to them."""


@dataclass(frozen=True)
class TextComparison:
    """What differs between two texts."""

    names: tuple[str, str]
    words: tuple[WordChange, ...]
    """The words with the largest distance above that by chance first."""
    senses: tuple[SenseCounts, ...]
    """Empty if there is more than one word."""
    unusual: tuple[tuple[Unusual, ...], tuple[Unusual, ...]]
    """Of each text, the most unusual occurrences first; empty if there is more than one word."""

    def to_json(self) -> dict[str, object]:
        """Return plain values."""
        return asdict(self)


def compare_texts(
    vectors: np.ndarray,
    occurrences: Sequence[Occurrence],
    is_second: np.ndarray,
    names: tuple[str, str],
    *,
    senses: Sequence[str] = (),
    seed: int = 0,
) -> TextComparison:
    """Compare how the words of two texts are used.

    Args:
        vectors: (N, D) of the occurrences.
        occurrences: N words of both texts.
        is_second: (N,) whether each is in the second text.
        names: of the texts.
        senses: the sense of each occurrence, if all are of the same word.
        seed: random seed of the divisions by chance.
    """
    units = unit_vectors(vectors)
    generator = np.random.default_rng(seed)
    members: dict[str, list[int]] = {}
    for point, occurrence in enumerate(occurrences):
        members.setdefault(occurrence.word, []).append(point)
    changes = []
    for word, points in members.items():
        second = is_second[points]
        counts = (int((~second).sum()), int(second.sum()))
        if min(counts) < (1 if len(members) == 1 else _LEAST_COUNT):
            continue
        own = units[points]
        shuffled = np.array([generator.permutation(second) for _ in range(_SHUFFLES)])
        chance = float(_distances(own, shuffled).mean())
        change = float(_distances(own, second[None])[0])
        odd = _unusual(own, second)[1][0]
        changes.append(WordChange(word, counts, round(change, 6), round(chance, 6), points[odd.point]))
    changes.sort(key=lambda one: (one.chance - one.change, one.word))
    shares: list[SenseCounts] = []
    unusual: tuple[tuple[Unusual, ...], tuple[Unusual, ...]] = ((), ())
    if len(members) == 1 and changes:
        unusual = _unusual(units, is_second)
        for name in dict.fromkeys(senses):
            has = np.array([sense == name for sense in senses])
            shares.append(SenseCounts(name, (int((has & ~is_second).sum()), int((has & is_second).sum()))))
    return TextComparison(names, tuple(changes[:_NUM_WORDS]), tuple(shares), unusual)


def _distances(units: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return 1 − cosine of the mean vectors of two parts of N units, for R divisions (R, N), as (R,)."""
    wide = units.astype(np.float64)
    of_second = unit_vectors(second.astype(np.float64) @ wide)
    of_first = unit_vectors((~second).astype(np.float64) @ wide)
    cosines = (of_first.astype(np.float64) * of_second).sum(axis=1)
    distances: np.ndarray = np.maximum(1 - cosines, 0)
    return distances


def _unusual(units: np.ndarray, second: np.ndarray) -> tuple[tuple[Unusual, ...], tuple[Unusual, ...]]:
    """Return the members of each part that are least similar to those of the other one."""
    found = []
    for own in (~second, second):
        mean = np.round(units @ units[~own].mean(axis=0), 6)
        order = [int(k) for k in np.argsort(mean, kind="stable") if own[k]]
        found.append(tuple(Unusual(k, float(mean[k])) for k in order[:_NUM_UNUSUAL]))
    return found[0], found[1]
