"""Work on several processes, with results in the order of the work."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import Synchronized
from queue import SimpleQueue
from typing import Any, TypeVar

from elmokit.arguments import whole_number
from elmokit.errors import WorkerError
from elmokit.processes.interruption import signals_put_off

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_PROCESSES = 4096  # far more than a machine runs well
_WAITING_PER_PROCESS = 2  # items given out beyond the one that is being worked on, results included


def available_processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chosen_number(num_processes: int | None) -> int:
    """Return a number of processes; None stands for all available processors.

    Raises:
        ConfigError: If it is not a positive whole number.
    """
    if num_processes is None:
        return available_processors()
    return whole_number("num_processes", num_processes, least=1, most=MOST_PROCESSES)


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], num_processes: int
) -> Iterator[Result]:
    """Apply a function to items in several processes and yield the results in the order of the items.

    Only a few items per process are taken from ``items`` ahead of the results, so there may be any number of
    them. An error of the function is raised where its result would be.

    Args:
        function: A picklable callable. Each process gets one copy of it, which keeps its state from item to
            item.
        items: Picklable arguments.
        num_processes: Number of processes; with 1, everything happens in this process.

    Raises:
        WorkerError: If a process is killed.
    """
    if num_processes == 1:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        num_processes,
        mp_context=context,
        initializer=_start,
        # Pickled here: multiprocessing would move tensors to shared memory, of which containers have little.
        initargs=(pickle.dumps(function), context.Value("i", 0)),
    )
    waiting: deque[Future[Result]] = deque()
    answered: SimpleQueue[Future[Result]] = SimpleQueue()
    done: set[Future[Result]] = set()

    def first_result() -> Result:
        # Waiting in a future, a signal could leave its lock held, for which the pool would wait for ever.
        while waiting[0] not in done:
            done.add(answered.get())
        done.remove(waiting[0])
        return waiting.popleft().result()

    try:
        for item in items:
            with signals_put_off():  # a process that was started halfway would say so with a traceback
                waiting.append(pool.submit(_apply, item))
                waiting[-1].add_done_callback(answered.put)
            if len(waiting) > num_processes * _WAITING_PER_PROCESS:
                yield first_result()
        while waiting:
            yield first_result()
    except BrokenProcessPool:
        raise WorkerError(
            "a worker process ended unexpectedly: it was killed, perhaps for lack of memory; "
            "use fewer processes (num_processes)"
        ) from None
    finally:
        workers = list((pool._processes or {}).values())  # shutting down forgets them
        try:
            pool.shutdown(wait=True, cancel_futures=True)
        except KeyboardInterrupt:  # a second signal: Python would wait for them when it ends
            for worker in workers:
                worker.kill()
            raise


def worker_number() -> int:
    """Return the number of this worker process, counted from 0; 0 in a process that is none."""
    return _number


_function: Callable[[Any], Any]
_number = 0


def _start(function: bytes, counter: Synchronized[int]) -> None:
    """Prepare a worker process."""
    global _function, _number
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to all; the parent ends the work
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with counter.get_lock():
        _number = counter.value
        counter.value += 1
    _function = pickle.loads(function)


def _end_with_parent() -> None:
    """End when the process that gives the work out is gone, such as killed: no result can be handed in."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _apply(item: Any) -> Any:
    return _function(item)
