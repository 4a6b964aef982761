"""Cosine similarity to many vectors, kept as unit vectors in half precision."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

UNIT_TYPE = np.dtype("<f2")
"""Of stored unit vectors: a similarity is off by less than 0.001, for half the memory to read."""

_BLOCK_NUMBERS = 1 << 20  # of the vectors that are widened at a time: what fits a core's cache is fast
_FIRST_RANKED = 1024


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., D) divided by their lengths, float32; a zero vector, which has no direction, stays."""
    with np.errstate(over="ignore"):  # then the length is infinite, and so not a number of any use
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    units: np.ndarray = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return units


def similarities(units: np.ndarray, query: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Cosine similarities of stored vectors to a query.

    One pass over the memory of the vectors, which may be mapped from a file and larger than RAM.

    Args:
        units: (N, D) of :data:`UNIT_TYPE`.
        query: (D,) float32, of unit length.
        rows: the numbers of the vectors that are wanted; all by default.

    Returns:
        (N,) or (len(rows),) float32, rounded to six decimals.
    """
    num_rows, dim = len(units) if rows is None else len(rows), units.shape[1]
    found = torch.empty(num_rows)
    block_rows = max(1, min(_BLOCK_NUMBERS // dim, num_rows))
    wide, wide_query = torch.empty(block_rows, dim), torch.from_numpy(query)
    for start in range(0, num_rows, block_rows):
        stop = min(start + block_rows, num_rows)
        block = units[start:stop] if rows is None else units[rows[start:stop]]
        part = wide[: stop - start]
        part.copy_(torch.from_numpy(block))
        torch.mv(part, wide_query, out=found[start:stop])
    # The last bits depend on the place in a block; equal vectors shall have equal similarities.
    return found.round_(decimals=6).numpy()


def falling(values: np.ndarray) -> Iterator[int]:
    """The places of values from the highest to the lowest; of equal ones the first comes first.

    Only as many are put in order as are asked for, and some more.
    """
    num_given, num_ranked = 0, min(_FIRST_RANKED, len(values))
    while num_given < len(values):
        lowest = np.partition(values, len(values) - num_ranked)[len(values) - num_ranked]
        places = np.flatnonzero(values >= lowest)  # all that are equal to the lowest are among them
        places = places[np.argsort(-values[places], kind="stable")]
        yield from places[num_given:].tolist()
        num_given, num_ranked = len(places), min(8 * num_ranked, len(values))
