"""Cosine similarity to many vectors, stored as unit vectors in half precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

UNIT_TYPE = np.dtype("<f2")
"""Type of stored unit vectors: similarities are off by less than 0.001, for half the memory traffic."""

_BLOCK_NUMBERS = 1 << 20  # numbers converted to float32 at a time: a block should fit a core's cache
_FIRST_RANKED = 1024
_BLOCK_ROWS = 1024  # compared with all others at a time


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (..., D) to unit length, as float32; zero vectors have no direction and stay zero."""
    with np.errstate(over="ignore"):  # a length that overflows is infinite, and the vector useless anyway
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    units: np.ndarray = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return units


def similarities(
    units: np.ndarray,
    query: np.ndarray,
    rows: np.ndarray | None = None,
    *,
    check: Callable[[np.ndarray, slice | np.ndarray], None] | None = None,
    block_numbers: int = _BLOCK_NUMBERS,
) -> np.ndarray:
    """Return the cosine similarities of stored vectors to a query.

    The vectors are read once; they may be mapped from a file larger than RAM.

    Args:
        units: (N, D) unit vectors of :data:`UNIT_TYPE`.
        query: (D,) float32 unit vector.
        rows: the rows of ``units`` to compare; all by default.
        check: called with vectors that are about to be compared, and their rows.
        block_numbers: how many numbers to convert to float32 at a time.

    Returns:
        (N,) or (len(rows),) float32, rounded to six decimals.
    """
    num_rows, dim = len(units) if rows is None else len(rows), units.shape[1]
    found = torch.empty(num_rows)
    block_rows = max(1, min(block_numbers // dim, num_rows))
    wide, wide_query = torch.empty(block_rows, dim), torch.from_numpy(query)
    for start in range(0, num_rows, block_rows):
        stop = min(start + block_rows, num_rows)
        own = slice(start, stop) if rows is None else rows[start:stop]
        block = units[own]
        if check is not None:
            check(block, own)
        part = wide[: stop - start]
        part.copy_(torch.from_numpy(block))
        torch.mv(part, wide_query, out=found[start:stop])
    # The last bits depend on the position in a block, but equal vectors must get equal similarities.
    return found.round_(decimals=6).numpy()


def descending(values: np.ndarray, *, first_ranked: int = _FIRST_RANKED) -> Iterator[int]:
    """Yield the indices of values (N,) from the highest value to the lowest, equal values in their order.

    Sorting is lazy: values are sorted in growing groups, of which the first has ``first_ranked`` values. NaN
    is the lowest value.
    """
    values = np.where(np.isnan(values), -np.inf, values)
    num_given, num_ranked = 0, min(first_ranked, len(values))
    while num_given < len(values):
        lowest = np.partition(values, len(values) - num_ranked)[len(values) - num_ranked]
        indices = np.flatnonzero(values >= lowest)  # includes every value that is equal to the lowest
        indices = indices[np.argsort(-values[indices], kind="stable")]
        yield from indices[num_given:].tolist()
        num_given, num_ranked = len(indices), min(8 * num_ranked, len(values))


def nearest_rows(
    units: np.ndarray, k: int, on_rows: Callable[[int], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows that are most similar to each row, without itself.

    Args:
        units: (N, D) float32 unit vectors.
        k: number of rows to find; fewer if there are not so many others.
        on_rows: called with the number of rows that were just compared with all others.

    Returns:
        (N, K) int32 row numbers, nearest first, equally near ones in their order; and (N, K) float32 cosine
        similarities, rounded to six decimals.
    """
    num_rows = len(units)
    k = max(0, min(k, num_rows - 1))
    rows, found = np.empty((num_rows, k), np.int32), np.empty((num_rows, k), np.float32)
    if not k:
        return rows, found
    all_units = torch.from_numpy(np.ascontiguousarray(units, dtype=np.float32))
    for start in range(0, num_rows, _BLOCK_ROWS):
        block = all_units[start : start + _BLOCK_ROWS] @ all_units.T
        own = torch.arange(len(block))
        block[own, start + own] = -torch.inf
        values, indices = torch.topk(block, k)
        similarity = values.round_(decimals=6).numpy()
        order = np.lexsort((indices.numpy(), -similarity))
        rows[start : start + len(block)] = np.take_along_axis(indices.numpy(), order, axis=1)
        found[start : start + len(block)] = np.take_along_axis(similarity, order, axis=1)
        if on_rows is not None:
            on_rows(len(block))
    return rows, found
