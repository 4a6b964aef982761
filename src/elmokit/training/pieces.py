"""Working through large tensors on all threads, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    pieces = [piece for group in tensors for piece in _pieces(group)]
    size = max(1, -(-len(pieces) // num_workers()))

    def run(part: Sequence[Sequence[Tensor]]) -> list[T]:
        return [function(*piece) for piece in part]

    parts = [pieces[start : start + size] for start in range(0, len(pieces), size)]
    return [result for results in run_calls([partial(run, part) for part in parts]) for result in results]


def _pieces(group: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    if not all(tensor.is_contiguous() and tensor.device.type == "cpu" for tensor in group):
        return [group]
    return list(zip(*(tensor.flatten().split(_PIECE) for tensor in group), strict=True))
