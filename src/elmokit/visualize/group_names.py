"""Names of groups of words: the words that tell each group from the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np

_LEAST_COUNT = 2  # members of a group that have a word of its name
_LEAST_EVIDENCE = 0.5  # standard deviations
_PRIOR = 1.0  # weight of the usual words, as a share of the words that are compared
_LEAST_REST = 0.5  # of all other words, so that a word that is alone has finite odds


def names_of_groups(
    groups: np.ndarray,
    words: Sequence[Collection[str]],
    usual: Sequence[Collection[str]],
    otherwise: Sequence[str],
    *,
    num_words: int,
) -> list[str]:
    """Return a distinct name of each group.

    A name has the words with the highest product of two factors. One is how surely a word is more frequent in
    the group than in the others: the difference of its log-odds, with the frequencies of the usual words as
    prior, divided by its standard deviation (Monroe, Colaresi and Quinn 2008, equations 15 to 22). The other
    is ``sqrt(log(N / n))`` for a word in n of the N sets of usual words, so that words that are everywhere,
    such as "the", do not become names. Case is ignored; a name has a word as it is written most often.

    Args:
        groups: (N,) numbers of groups.
        words: the distinct words of each of the N members.
        usual: words that are to be expected with each member, which include ``words``.
        otherwise: the name of each group that has no typical word.
        num_words: maximum number of words in a name.
    """
    written = _spellings(usual)
    own_words = [{word.lower() for word in one} for one in words]
    expected = Counter(word for one in usual for word in {word.lower() for word in one})
    total = _counts(own_words)
    names: list[str] = []
    for group in range(int(groups.max(initial=0)) + 1):
        counts = _counts(own_words[k] for k in np.flatnonzero(groups == group).tolist())
        typical = _typical(counts, total, expected, len(usual))[:num_words]
        name = " · ".join(written[word] for word in typical) or otherwise[group]
        if not name or name in names:
            name = otherwise[group] if otherwise[group] not in ("", *names) else f"group {group + 1}"
        names.append(name)
    return names


def _counts(sets: Iterable[Collection[str]]) -> Counter[str]:
    return Counter(word for one in sets for word in one)


def _spellings(sets: Iterable[Collection[str]]) -> dict[str, str]:
    """Return the most frequent spelling of each word in lower case."""
    found: dict[str, Counter[str]] = {}
    for word, count in _counts(sets).items():
        found.setdefault(word.lower(), Counter())[word] = count
    return {word: max(sorted(forms), key=forms.__getitem__) for word, forms in found.items()}


def _typical(counts: Counter[str], total: Counter[str], expected: Counter[str], num_sets: int) -> list[str]:
    """Return the typical words of a group, the best first.

    Args:
        counts: how many members of the group have each word.
        total: how many members of all groups have each word.
        expected: in how many sets of usual words each word is.
        num_sets: the number of these sets.
    """
    num_own, num_all, num_expected = counts.total(), total.total(), expected.total()
    prior = _PRIOR * num_all
    scores = {}
    for word, count in counts.items():
        if count < _LEAST_COUNT:
            continue
        share = prior * expected[word] / num_expected
        own, other = count + share, total[word] - count + share
        rest = num_own + prior - own, num_all - num_own + prior - other
        odds = [
            math.log(part / max(left, _LEAST_REST)) for part, left in zip((own, other), rest, strict=True)
        ]
        evidence = (odds[0] - odds[1]) / math.sqrt(1 / own + 1 / other)
        if evidence >= _LEAST_EVIDENCE and expected[word] < num_sets:
            scores[word] = evidence * math.sqrt(math.log(num_sets / expected[word]))
    return sorted(sorted(scores), key=scores.__getitem__, reverse=True)
