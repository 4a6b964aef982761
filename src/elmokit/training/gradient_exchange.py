"""Adding up the gradients of all processes, as large buckets and as rows.

``DistributedDataParallel`` is not used. It holds a :class:`~elmokit.model.bilm.BiLM` whose gradients are all
dense (tests/model/test_wrappers.py), but it

- refuses the sparse gradients of the sampled softmax and of word embeddings, which it recognizes only in
  ``nn.Embedding``, and would send those of 793,471 words as 1.6 GB of zeros;
- divides by the number of processes, whereas the loss here is already normalized by the predictions of all;
- has to be told about every backward pass that is only accumulated.

It would not overlap more either: on a CPU the worker threads return the gradients of all layers at once
(:mod:`elmokit.model.parallel`), and on a GPU the hooks below are the ones that it uses.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch import distributed as dist

from elmokit.training.distributed import Ranks

_BUCKET_BYTES = 25 << 20  # as DistributedDataParallel has them
_ALONE_BYTES = 1 << 20  # from here on the latency of a message costs less than copying into a bucket


class Traffic(NamedTuple):
    """What the exchange of an update has cost."""

    seconds: float = 0.0
    """After the backward pass, until all gradients were there; waiting for slower processes included."""
    num_bytes: int = 0
    """That this process has contributed. A ring of N processes sends 2·(N - 1)/N times as many to each."""


class _Sum(NamedTuple):
    """A sum that is under way."""

    targets: list[Tensor]
    """That get their parts of it."""
    flat: Tensor
    work: dist.Work


class GradientExchange:
    """Sums the gradients of all processes; without a process group it does nothing.

    Dense gradients travel in buckets, large ones alone and in place. The first leave while the backward pass
    is still running.
    Sparse ones travel as rows: the row numbers of all processes are gathered, and the rows that any of them
    has are summed. The processes draw the same negative samples, so most of these rows are the same.

    Args:
        parameters: that are trained.
        ranks: of the run.
        dtype: in which gradients travel.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        ranks: Ranks,
        dtype: torch.dtype,
        *,
        bucket_bytes: int = _BUCKET_BYTES,
    ) -> None:
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._ranks, self._dtype, self._bucket_bytes = ranks, dtype, bucket_bytes
        self._buckets: list[list[nn.Parameter]] | None = None  # known after the first update
        self._bucket_of: dict[nn.Parameter, int] = {}
        self._missing: list[int] = []  # gradients that a bucket waits for
        self._sums: list[_Sum] = []
        self._num_bytes = 0
        if ranks.communicate:
            for parameter in self._parameters:
                parameter.register_post_accumulate_grad_hook(self._gradient_is_ready)

    def expect(self) -> None:
        """Announce the last backward pass of an update, after which gradients are complete."""
        self._missing = [len(bucket) for bucket in self._buckets or ()]

    def _gradient_is_ready(self, parameter: nn.Parameter) -> None:
        if not self._missing or parameter not in self._bucket_of:
            return
        self._missing[self._bucket_of[parameter]] -= 1
        assert self._buckets is not None
        # In the order of the buckets, which is the same in all processes.
        while len(self._sums) < len(self._buckets) and self._missing[len(self._sums)] == 0:
            self._start_sum(_gradients(self._buckets[len(self._sums)]))

    def finish(self) -> Traffic:
        """Wait until every gradient is the sum over all processes."""
        if not self._ranks.communicate:
            return Traffic()
        _synchronize(self._parameters[0].device)
        started = time.perf_counter()
        if self._buckets is None:
            self._fill_buckets()
        assert self._buckets is not None
        for bucket in self._buckets[len(self._sums) :]:
            self._start_sum(_gradients(bucket))
        self._exchange_rows([parameter for parameter in self._parameters if parameter not in self._bucket_of])
        for done in self._sums:
            self._ranks.wait(done.work)
            parts = done.flat.split([target.numel() for target in done.targets])
            for target, part in zip(done.targets, parts, strict=True):
                if target.data_ptr() != part.data_ptr():
                    target.copy_(part.view_as(target))
        _synchronize(self._parameters[0].device)
        traffic = Traffic(time.perf_counter() - started, self._num_bytes)
        self._sums, self._missing, self._num_bytes = [], [], 0
        return traffic

    def _fill_buckets(self) -> None:
        """Divide the parameters with dense gradients, in the order in which these are computed."""
        self._buckets = []
        room = 0
        for parameter in reversed(self._parameters):
            if parameter.grad is None or parameter.grad.is_sparse:
                continue
            size = parameter.numel() * parameter.element_size()
            if size > room or size >= _ALONE_BYTES:
                self._buckets.append([])
                room = self._bucket_bytes
            self._buckets[-1].append(parameter)
            self._bucket_of[parameter] = len(self._buckets) - 1
            room = room - size if size < _ALONE_BYTES else 0

    def _start_sum(self, targets: list[Tensor]) -> None:
        parts = [target.detach().reshape(-1) for target in targets]
        flat = (parts[0] if len(parts) == 1 else torch.cat(parts)).to(self._dtype)
        self._num_bytes += flat.numel() * flat.element_size()
        self._sums.append(_Sum(targets, flat, self._ranks.all_reduce(flat)))

    def _exchange_rows(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace sparse gradients by their sums, and start to add up the rows."""
        parameters = [parameter for parameter in parameters if parameter.grad is not None]
        if not parameters:
            return
        gradients = [gradient.coalesce() for gradient in _gradients(parameters)]
        ids = [gradient.indices()[0] for gradient in gradients]
        unions = self._unions(ids)
        blocks = []
        for parameter, gradient, own, union in zip(parameters, gradients, ids, unions, strict=True):
            values = gradient.values()
            block = values.new_zeros(len(union), *values.shape[1:])
            block[torch.searchsorted(union, own)] = values
            blocks.append(block)
            # The ids are in range; PyTorch warns where checks are off without anyone having said so.
            with torch.sparse.check_sparse_tensor_invariants(enable=False):
                parameter.grad = torch.sparse_coo_tensor(
                    union[None], block, gradient.shape, is_coalesced=True
                )
        self._start_sum(blocks)

    def _unions(self, ids: Sequence[Tensor]) -> list[Tensor]:
        """Return the row numbers that any process has, for each of several parameters."""
        sizes = [len(part) for part in ids]
        every_size = torch.stack(self._ranks.all_gather(torch.tensor(sizes, device=ids[0].device))).tolist()
        longest = max(map(sum, every_size))
        own = ids[0].new_zeros(longest, dtype=torch.int32)
        own[: sum(sizes)] = torch.cat(list(ids))
        self._num_bytes += own.numel() * own.element_size() + 8 * len(sizes)
        divided = [
            part[: sum(part_sizes)].long().split(part_sizes)
            for part, part_sizes in zip(self._ranks.all_gather(own), every_size, strict=True)
        ]
        return [torch.unique(torch.cat(parts)) for parts in zip(*divided, strict=True)]


def _gradients(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":  # so that the clock measures the exchange and nothing else
        torch.cuda.synchronize(device)
