"""The processes that train together: the only place that knows about ranks, besides how they meet.

torchrun starts the processes, on one machine or several, and tells each its rank by environment variables;
:mod:`elmokit.training.launch` does the same from one command. Every process has the whole model. It reads and
computes its own rows of a batch; see :mod:`elmokit.training.gradient_exchange` for how gradients become one.

Messages are numbers and JSON; nothing is pickled.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from elmokit.config import TrainingConfig
from elmokit.errors import ConfigError, ElmokitError
from elmokit.model.device import find_device
from elmokit.training.rendezvous import launched, meet, own_device

T = TypeVar("T")

_JOIN_TIMEOUT = timedelta(minutes=10)  # for all processes to start
# While one process prepares text. One that ends is noticed at once.
_PATIENCE = timedelta(hours=24)
_SIGNS_PER_TIMEOUT = 4  # of life, from a process for which the others wait


class RankError(ElmokitError):
    """The processes of a run do not agree, or one of them does not answer."""


class SilentError(ElmokitError):
    """Another process reports what has gone wrong."""


class _Groups(NamedTuple):
    """Process groups with different backends and timeouts."""

    step: dist.ProcessGroup
    """For tensors on the device of the run, within a step."""
    control: dist.ProcessGroup
    """For small messages from the CPU, within a step."""
    patient: dist.ProcessGroup
    """For what may take long."""
    timeout: timedelta
    """To wait for another process within a step."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a run; by default this one alone, for which every method does the obvious.

    All processes must call the same methods in the same order.
    """

    rank: int = 0
    """Of this process."""
    num: int = 1
    """Number of processes."""
    local_rank: int = 0
    """Of this process among those on its machine."""
    device: torch.device | None = None
    """Of this process; None for a process alone, which any device will do for."""
    _groups: _Groups | None = None

    @classmethod
    def join(cls, device: str, *, timeout: float) -> Ranks:
        """Join the processes that torchrun has started.

        Args:
            device: setting of the run. Each process of a machine takes a GPU of its own, if there are any.
            timeout: seconds to wait for another process within a step.

        Raises:
            RankError: when they do not find each other.
            ConfigError: when a machine has fewer GPUs than processes.
        """
        process = launched()
        assert process is not None
        rank, num = process.rank, process.num
        try:
            store = meet(_JOIN_TIMEOUT)
            dist.init_process_group("gloo", store=store, rank=rank, world_size=num, timeout=_JOIN_TIMEOUT)
            patient = dist.new_group(backend="gloo", timeout=_PATIENCE)
            control = dist.new_group(backend="gloo", timeout=timedelta(seconds=timeout))
        except (RuntimeError, ValueError) as error:
            is_taken = "EADDRINUSE" in str(error) or "in use" in str(error)
            remedy = (
                "the port is in use: choose another one with torchrun --master-port or MASTER_PORT"
                if is_taken
                else f"{_first_line(error)}: check MASTER_ADDR, MASTER_PORT, RANK and WORLD_SIZE"
            )
            raise RankError(f"cannot join the other processes at {process.address}: {remedy}") from None
        waiting = timedelta(seconds=timeout)
        ranks = cls(rank, num, process.local_rank, None, _Groups(control, control, patient, waiting))
        try:
            with ranks.together():
                found = find_device(own_device(device, process))
        except BaseException:
            ranks.leave()  # threads of gloo must have ended before Python does
            raise
        step = control
        if found.type == "cuda":
            torch.cuda.set_device(found)
            step = dist.new_group(backend="nccl", timeout=timedelta(seconds=timeout))
        return cls(rank, num, process.local_rank, found, _Groups(step, control, patient, waiting))

    def leave(self) -> None:
        """End the process groups."""
        if self._groups is not None:
            dist.destroy_process_group()

    @property
    def is_main(self) -> bool:
        """Whether this is the process that prints, evaluates and writes."""
        return self.rank == 0

    @property
    def communicate(self) -> bool:
        """Whether there is a process group, even of one process."""
        return self._groups is not None

    def rows(self, training: TrainingConfig) -> range:
        """Return the rows of an update that this process computes.

        Raises:
            ConfigError: when there are not as many processes as ``num_processes``.
        """
        if training.num_processes != self.num:
            raise ConfigError(
                f"num_processes={training.num_processes}: expected the number of processes, {self.num}: "
                "start the run with torchrun or with `elmokit train --num-processes`"
            )
        start = self.rank * training.rows_per_process
        return range(start, start + training.rows_per_process)

    # --- within a step --------------------------------------------------------------------------------

    def all_reduce(self, tensor: Tensor) -> dist.Work:
        """Start adding up a tensor of all processes, in place."""
        with _answers():
            work: dist.Work | None = dist.all_reduce(tensor, group=self._group.step, async_op=True)
        assert work is not None
        return work

    def wait(self, work: dist.Work) -> None:
        """Wait for a sum."""
        with _answers():
            work.wait()

    def all_gather(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensor of every process; all have the same shape."""
        parts = [torch.empty_like(tensor) for _ in range(self.num)]
        with _answers():
            dist.all_gather(parts, tensor, group=self._group.step)
        return parts

    def sum(self, *values: float) -> list[float]:
        """Return sums over all processes."""
        if self._groups is None:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        with _answers():
            dist.all_reduce(total, group=self._groups.control)
        return [float(value) for value in total]

    def any(self, *flags: bool) -> list[bool]:
        """Return which of the flags are set in any process."""
        return [number > 0 for number in self.sum(*map(float, flags))] if self._groups else list(flags)

    # --- between steps --------------------------------------------------------------------------------

    def texts(self, text: str, *, patiently: bool = False) -> list[str]:
        """Return the texts of all processes.

        Args:
            text: without null characters.
            patiently: wait for the others as long as it takes.
        """
        if self._groups is None:
            return [text]
        own = torch.frombuffer(bytearray(text.encode() + b"\0"), dtype=torch.uint8)
        group = self._groups.patient if patiently else self._groups.control
        with _answers():
            sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self.num)]
            dist.all_gather(sizes, torch.tensor([len(own)]), group=group)
            longest = int(max(sizes))
            parts = [torch.zeros(longest, dtype=torch.uint8) for _ in range(self.num)]
            dist.all_gather(parts, torch.nn.functional.pad(own, (0, longest - len(own))), group=group)
        return [bytes(part.numpy()).partition(b"\0")[0].decode() for part in parts]

    def from_main(self, function: Callable[[], T]) -> T:
        """Call a function in the main process, and return in all what it returns, plain values.

        The others wait as long as it takes, and as long as they hear from the main process.
        """
        if self._groups is None:
            return function()
        result, error = "null", None
        with _answers():
            if self.is_main:
                with self._signs_of_life():
                    try:
                        result = json.dumps(function())
                    except (ElmokitError, OSError) as found:
                        error = found
            else:
                self._wait_for_main()
        self._raise_any(error, patiently=False)
        value: T = json.loads(self.texts(result)[0])
        return value

    @contextmanager
    def _signs_of_life(self) -> Iterator[None]:
        """Let the others know that the main process is alive, and at the end that it is done.

        Raises:
            RuntimeError: after the block, when one of them does not answer.
        """
        done = Event()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(self._send_signs, done)
            try:
                yield
            finally:
                done.set()
            sending.result()

    def _send_signs(self, done: Event) -> None:
        interval = self._group.timeout.total_seconds() / _SIGNS_PER_TIMEOUT
        is_done = False
        while not is_done:
            is_done = done.wait(interval)
            sign = torch.tensor([is_done])
            for work in [dist.isend(sign, rank, self._group.control) for rank in range(1, self.num)]:
                assert work is not None
                work.wait()

    def _wait_for_main(self) -> None:
        is_done = torch.tensor([False])
        while not is_done:
            dist.recv(is_done, 0, self._group.control)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do what all processes do; an error in one of them ends all, and the main one reports it.

        Raises:
            RankError: in the main process, when another one has failed.
            SilentError: in the others.
        """
        if self._groups is None:
            yield
            return
        error: Exception | None = None
        try:
            yield
        except (ElmokitError, OSError) as found:
            error = found
        self._raise_any(error, patiently=True)

    def _raise_any(self, error: Exception | None, *, patiently: bool) -> None:
        """Raise an error if there is one in any process."""
        problems = self.texts("" if error is None else f"{_here()}: {error}", patiently=patiently)
        failed = [rank for rank, problem in enumerate(problems) if problem]
        if not failed:
            return
        if not self.is_main:
            raise SilentError(problems[failed[0]]) from error
        if error is not None:
            raise error
        raise RankError(f"process {failed[0]} of {self.num} on {problems[failed[0]]}")

    @contextmanager
    def first_of_machine_first(self) -> Iterator[None]:
        """Let one process of each machine do what the others then find done."""
        if self._groups is not None and self.local_rank:
            self.texts("", patiently=True)
        try:
            yield
        finally:
            if self._groups is not None and not self.local_rank:
                self.texts("", patiently=True)

    def refuse_different(self, values: Mapping[str, Any]) -> None:
        """Refuse processes that do not have the same values as the main one.

        Raises:
            RankError: in the main process, naming the value.
            SilentError: in the others.
        """
        every = [json.loads(text) for text in self.texts(json.dumps([_here(), dict(values)]))]
        with self.together():
            main = every[0][1]
            for rank, (host, own) in enumerate(every):
                for name, expected in main.items():
                    if own.get(name) != expected:
                        raise RankError(
                            f"process {rank} of {self.num} on {host}: {name} is {own.get(name)}, expected "
                            f"{expected} as in process 0: start all processes with the same texts, settings "
                            "and version"
                        )

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by those of the main process."""
        if self._groups is not None:
            with _answers(), torch.no_grad():
                for tensor in tensors:
                    dist.broadcast(tensor, 0, group=self._groups.step)

    def gather_rows(self, tensor: Tensor) -> Tensor:
        """Return, in the main process, the rows of all processes on the CPU; its own rows elsewhere."""
        if self._groups is None:
            return tensor
        own = tensor.detach().cpu().contiguous()
        parts = [torch.empty_like(own) for _ in range(self.num)] if self.is_main else None
        with _answers():
            dist.gather(own, parts, 0, group=self._groups.control)
        return own if parts is None else torch.cat(parts)

    @property
    def _group(self) -> _Groups:
        assert self._groups is not None
        return self._groups


@contextmanager
def _answers() -> Iterator[None]:
    """Turn an error of communication into one that says what it means."""
    try:
        yield
    except RuntimeError as error:
        raise RankError(
            f"another process of the run does not answer; it has ended, hangs or cannot be reached "
            f"({_first_line(error)}): resume from the last checkpoint, or raise rank_timeout if steps take "
            "long"
        ) from error


def _first_line(error: Exception) -> str:
    """Return what has happened, without the place in PyTorch's sources and the advice to programmers."""
    lines = str(error).splitlines() or [type(error).__name__]
    return re.sub(r"^\[\S+:\d+\] ", "", lines[0]).partition(". This is typically")[0].strip().rstrip(".")


def _here() -> str:
    return socket.gethostname()
