"""Counting the sentences of one text that also occur in another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elmokit.data.corpus import Corpus

_TOKENS_AT_A_TIME = 1 << 22
_NO_TYPE = np.uint64(2**64 - 1)


def count_repeated_sentences(text: Corpus, other: Corpus) -> int:
    """Return how many sentences of ``text`` occur in ``other`` word for word.

    Sentences are compared by 64-bit hashes, in memory that depends on ``text`` alone.

    Args:
        text: the text whose sentences are counted, such as heldout text.
        other: the text to look them up in, such as training text; it may be long.
    """
    word_types = {other.types.word(type_id): type_id for type_id in range(len(other.types))}
    as_other = np.array(
        [word_types.get(text.types.word(type_id), _NO_TYPE) for type_id in range(len(text.types))], np.uint64
    )
    hashes = np.concatenate([np.empty(0, np.uint64), *_hashes(text, as_other)])
    distinct = np.unique(hashes)
    found = np.zeros(len(distinct), dtype=bool)
    for part in _hashes(other, np.arange(len(other.types), dtype=np.uint64)):
        places = np.searchsorted(distinct, part).clip(max=max(len(distinct) - 1, 0))
        if len(distinct):
            found[places[distinct[places] == part]] = True
    return int(found[np.searchsorted(distinct, hashes)].sum()) if len(hashes) else 0


def _hashes(corpus: Corpus, ids: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the hashes of all sentences with tokens, a part of the text at a time.

    Args:
        corpus: the text.
        ids: (types,) uint64 the number to use for each type.
    """
    offsets, first = corpus.offsets, 0
    while first < corpus.num_lines:
        limit = offsets[first] + _TOKENS_AT_A_TIME
        stop = max(first + 1, int(np.searchsorted(offsets, limit, side="right")) - 1)
        bounds = np.asarray(offsets[first : stop + 1])
        starts = bounds[:-1][np.diff(bounds) > 0] - bounds[0]
        if len(starts):
            tokens = ids[corpus.tokens[bounds[0] : bounds[-1]]]
            lengths = np.diff(np.append(starts, len(tokens)))
            position = (np.arange(len(tokens)) - np.repeat(starts, lengths)).astype(np.uint64)
            yield np.add.reduceat(_mix(tokens + _mix(position)), starts)
        first = stop


def _mix(values: np.ndarray) -> np.ndarray:
    """Return well-mixed 64-bit numbers (the finalizer of SplitMix64, Steele et al. 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return result
