"""Running independent parts of a computation on worker threads, forward and backward.

Each worker computes on one thread, so nothing waits for another thread until its part is done. PyTorch's
default, parallel loops inside single operations, meets at a barrier hundreds of times per batch; as soon as
another process needs a core, each of these barriers waits for a thread that was put to sleep. After a loop,
its threads go on running for milliseconds, in case there is another one, and take the cores from the workers.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from queue import SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from elmokit.model.first_order import differentiable_once, will_run_again
from elmokit.model.precision import without_autocast
from elmokit.processes.interruption import signals_put_off

T = TypeVar("T")


class Task(NamedTuple):
    """A part of a computation that needs nothing from the other parts."""

    function: Callable[..., tuple[Tensor, ...]]
    """Maps the inputs to tensors."""
    inputs: tuple[Tensor, ...]
    """The function's arguments."""
    parameters: tuple[Tensor, ...] = ()
    """Other tensors that the function uses and that may require gradients."""
    constants: tuple[Tensor, ...] = ()
    """Further tensors that the function uses, and that may be freed before the backward pass ends."""


def num_workers(device: torch.device | None = None) -> int:
    """Return the number of parts that work is best divided into.

    On the CPU these are the threads that PyTorch may use here, or might outside :func:`without_barriers`,
    each of which runs a task at a time. Another device divides the work itself.
    """
    if device is not None and device.type != "cpu":
        return 1
    return _thread.num_workers or torch.get_num_threads()


class _Thread(threading.local):
    num_workers: int | None = None
    """Number of workers of this thread where its operations use one thread; None elsewhere."""


_thread = _Thread()


@contextmanager
def without_barriers() -> Iterator[None]:
    """Use this thread alone for PyTorch's operations inside the ``with`` block, and all workers for tasks.

    What is left between tasks takes so little time that parallel loops would cost more than they gain.
    """
    number = num_workers()
    if number < 2 or _thread.num_workers is not None or torch.compiler.is_compiling():
        yield
        return
    before = torch.get_num_threads()
    _thread.num_workers = number
    try:
        torch.set_num_threads(1)
        _set_threads_of_new_threads(before)
        yield
    finally:
        _thread.num_workers = None
        torch.set_num_threads(before)


def _set_threads_of_new_threads(number: int) -> None:
    """Set the number for threads that are started from now on; PyTorch gives them what was set last."""
    _settings.run([partial(torch.set_num_threads, number)], size=1)


@contextmanager
def computing_threads(number: int | None) -> Iterator[None]:
    """Compute with this many CPU threads inside the ``with`` block; with those of before for None."""
    before = torch.get_num_threads()
    if number is not None:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        if number is not None:
            torch.set_num_threads(before)


def run_tasks(tasks: Sequence[Task]) -> list[tuple[Tensor, ...]]:
    """Run tasks on worker threads, as many as :func:`num_workers`, or on a CUDA device at the same time.

    On the CPU, with gradients enabled, the tasks are one node of the autograd graph, whose backward pass runs
    on the workers as well. It can be differentiated once.

    Returns:
        The tensors that each task returned.
    """
    if len(tasks) > 1 and all(_is_plain(task, "cuda") for task in tasks):
        with torch.cuda.device_of(tasks[0].inputs[0]):
            return run_on_streams(tasks, torch.cuda)
    if len(tasks) < 2 or num_workers() < 2 or not all(_is_plain(task, "cpu") for task in tasks):
        return [task.function(*task.inputs) for task in tasks]
    tensors = [tensor for task in tasks for tensor in (*task.inputs, *task.parameters)]
    if not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)):
        return run_calls([partial(task.function, *task.inputs) for task in tasks])
    counts: list[int] = []
    outputs = iter(_ParallelTasks.apply(tasks, counts, *tensors))  # type: ignore[no-untyped-call]
    return [tuple(next(outputs) for _ in range(count)) for count in counts]


def run_on_streams(tasks: Sequence[Task], cuda: Any) -> list[tuple[Tensor, ...]]:
    """Run each task on a CUDA stream of its own, the first on the present one, which waits for the others.

    Autograd runs the backward pass of an operation on the stream of its forward pass, so that the backward
    passes of the tasks run at the same time as well.

    Args:
        tasks: whose inputs are on the present device.
        cuda: the module ``torch.cuda``.
    """
    present = cuda.current_stream()
    streams = [present, *_side_streams(cuda, cuda.current_device(), len(tasks) - 1)]
    results = []
    for task, stream in zip(tasks, streams, strict=True):
        if stream is not present:
            stream.wait_stream(present)
        with cuda.stream(stream):
            results.append(task.function(*task.inputs))
    for task, stream, outputs in zip(tasks[1:], streams[1:], results[1:], strict=True):
        present.wait_stream(stream)
        # The allocator may give memory away once its tensor is freed; it has to know who still uses it.
        for tensor in (*task.inputs, *task.constants):
            tensor.record_stream(stream)
        for tensor in outputs:
            tensor.record_stream(present)
    return results


@cache
def _side_streams(cuda: Any, device: int, number: int) -> list[Any]:
    return [cuda.Stream(device) for _ in range(number)]


def _is_plain(task: Task, device_type: str) -> bool:
    """Whether the tensors are ordinary ones on such a device: not sharded or traced."""
    return not torch.compiler.is_compiling() and all(
        type(tensor) in (Tensor, nn.Parameter) and tensor.device.type == device_type
        for tensor in (*task.inputs, *task.parameters)
    )


class _Graph(NamedTuple):
    """The autograd graph that a task built on its worker."""

    sources: tuple[Tensor, ...]
    """Inputs and parameters."""
    outputs: tuple[Tensor, ...]

    def gradients(self, grad_outputs: Sequence[Tensor | None], keep_graph: bool) -> list[Tensor | None]:
        """Return the gradient of each source."""
        pairs = [
            (output, gradient)
            for output, gradient in zip(self.outputs, grad_outputs, strict=True)
            if gradient is not None and output.requires_grad
        ]
        wanted = [source for source in self.sources if source.requires_grad]
        if not pairs or not wanted:
            return [None] * len(self.sources)
        found = iter(
            torch.autograd.grad(
                [output for output, _ in pairs],
                wanted,
                [gradient for _, gradient in pairs],
                retain_graph=keep_graph,
                allow_unused=True,
            )
        )
        return [next(found) if source.requires_grad else None for source in self.sources]


class _ParallelTasks(torch.autograd.Function):
    """Tasks as one node: each builds its own graph on its worker, which the backward pass runs there."""

    @staticmethod
    def forward(ctx: Any, tasks: Sequence[Task], counts: list[int], *_: Tensor) -> tuple[Tensor, ...]:
        def build(task: Task) -> _Graph:
            with torch.enable_grad():
                inputs = tuple(tensor.detach().requires_grad_(tensor.requires_grad) for tensor in task.inputs)
                return _Graph((*inputs, *task.parameters), task.function(*inputs))

        ctx.graphs = run_calls([partial(build, task) for task in tasks])
        ctx.set_materialize_grads(False)
        outputs: list[Tensor] = []
        constant: list[Tensor] = []
        for graph in ctx.graphs:
            counts.append(len(graph.outputs))
            for output in graph.outputs:
                outputs.append(output.detach())
                if not output.requires_grad:
                    constant.append(outputs[-1])
        ctx.mark_non_differentiable(*constant)
        return tuple(outputs)

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        keep_graph = will_run_again()
        remaining = iter(grad_outputs)
        calls = []
        for graph in ctx.graphs:
            gradients = [next(remaining) for _ in graph.outputs]
            calls.append(partial(graph.gradients, gradients, keep_graph))
        return None, None, *(gradient for part in run_calls(calls) for gradient in part)


class _Workers:
    """Threads that make calls, started when they are first needed.

    Calls and results go through queues, which Ctrl-C cannot leave half-changed. It can leave a lock of
    ``concurrent.futures`` held for ever, for which the next calls, or the end of the process, would wait.

    Args:
        prepare: called with the number of threads by each thread when it starts.
    """

    def __init__(self, prepare: Callable[[int], None]) -> None:
        self._prepare = prepare
        self._lock = threading.Lock()
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def run(self, calls: Sequence[Callable[[], T]], size: int) -> list[T]:
        """Make the calls on this many threads; return their results, or raise the first error."""
        self._start(size)
        answers: SimpleQueue[_Answer[T]] = SimpleQueue()
        for number, call in enumerate(calls):
            self._calls.put(partial(_answer, number, call, answers))
        found = sorted((answers.get() for _ in calls), key=lambda answer: answer.number)
        for answer in found:
            if answer.error is not None:
                raise answer.error
        return [value for answer in found for value in answer.value]

    def _start(self, size: int) -> None:
        with self._lock:
            while len(self._threads) < size:
                ready: SimpleQueue[None] = SimpleQueue()
                thread = threading.Thread(
                    target=self._work, args=(size, ready), name="elmokit-worker", daemon=True
                )
                with signals_put_off():
                    thread.start()
                    ready.get()
                    self._threads.append(thread)

    def _work(self, size: int, ready: SimpleQueue[None]) -> None:
        self._prepare(size)
        ready.put(None)
        while (call := self._calls.get()) is not None:
            call()
        self._calls.put(None)  # for the other threads

    def stop(self) -> None:
        """Wait until nothing is computed any more; no calls can be made after it."""
        self._calls.put(None)
        for thread in self._threads:
            thread.join()


class _Answer(NamedTuple, Generic[T]):
    number: int
    """Of the call."""
    value: tuple[T, ...]
    """What it returned; empty after an error."""
    error: BaseException | None


def _answer(number: int, call: Callable[[], T], answers: SimpleQueue[_Answer[T]]) -> None:
    try:
        answer = _Answer(number, (call(),), None)
    except BaseException as error:  # whatever it is, the caller waits for an answer
        answer = _Answer(number, (), error)
    answers.put(answer)


def _use_one_thread(size: int) -> None:
    torch.set_num_threads(1)  # of operations on this thread
    torch.get_num_threads()  # the first use would otherwise take the number that was set last anywhere
    _set_threads_of_new_threads(size)


_workers = _Workers(_use_one_thread)
_settings = _Workers(lambda size: None)
"""A thread that computes nothing, to set what holds for new threads."""


@atexit.register
def _stop() -> None:
    """A thread must not use PyTorch while the interpreter ends."""
    _workers.stop()
    _settings.stop()


def _start_anew() -> None:
    """Prepare a forked process, which has none of its parent's threads.

    The worker threads are started again when they are needed. Those of OpenMP, which PyTorch uses inside
    single operations, are not: an operation would wait for them for ever. As in the workers of PyTorch's
    ``DataLoader``, operations therefore run on one thread.
    """
    global _workers, _settings
    _workers, _settings = _Workers(_use_one_thread), _Workers(lambda size: None)
    _thread.num_workers = None
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def run_calls(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make independent calls on worker threads, in the caller's gradient mode; return their results."""
    if len(calls) < 2 or num_workers() < 2:
        return [call() for call in calls]
    has_gradients, is_inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def run(call: Callable[[], T]) -> T:
        with torch.inference_mode(is_inference), torch.set_grad_enabled(has_gradients):
            return call()

    return _workers.run([partial(run, call) for call in calls], num_workers())
