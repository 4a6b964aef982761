"""Working through large tensors on all threads, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from torch import Tensor

from elmokit.model.parallel import num_workers, run_calls

T = TypeVar("T")

_PIECE = 1 << 18  # elements; for smaller pieces the calls of PyTorch cost more than their work


def map_pieces(function: Callable[..., T], tensors: Iterable[Sequence[Tensor]]) -> list[T]:
    """Call a function for each piece of tensors of the same shape.

    Args:
        function: takes one piece of each tensor, as a view of one dimension.
        tensors: groups of tensors of the same shape. Only contiguous ones on the CPU are divided.

    Returns:
        The results, piece after piece.
    """
    return run_pieces([partial(function, *piece) for group in tensors for piece in _pieces(group)])


def run_pieces(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make many short calls on all threads, each of which gets neighboring ones; return their results."""
    size = max(1, -(-len(calls) // num_workers()))

    def run(part: Sequence[Callable[[], T]]) -> list[T]:
        return [call() for call in part]

    parts = [calls[start : start + size] for start in range(0, len(calls), size)]
    return [result for results in run_calls([partial(run, part) for part in parts]) for result in results]


def pieces_to_update(
    tensors: Sequence[Tensor], gradient: Tensor
) -> Iterator[tuple[list[Tensor], Tensor, Tensor | None]]:
    """Yield the pieces in which contiguous tensors of the same shape can be updated.

    Args:
        tensors: what is updated.
        gradient: of the same shape; if it is sparse, only its rows are updated.

    Yields:
        The tensors, or pieces of them; the gradient of a piece; and for a sparse gradient the ids of rows.
    """
    if gradient.is_sparse:
        gradient = gradient.coalesce()
        values = gradient._values().contiguous()
        num_rows = max(1, _PIECE * len(values) // max(1, values.numel()))
        for ids, part in zip(gradient._indices()[0].split(num_rows), values.split(num_rows), strict=True):
            yield list(tensors), part, ids
        return
    pieces = [tensor.view(-1).split(_PIECE) for tensor in tensors]
    for *updated, part in zip(*pieces, gradient.reshape(-1).split(_PIECE), strict=True):
        yield updated, part, None


def _pieces(group: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    if not all(tensor.is_contiguous() and tensor.device.type == "cpu" for tensor in group):
        return [group]
    return list(zip(*(tensor.flatten().split(_PIECE) for tensor in group), strict=True))
