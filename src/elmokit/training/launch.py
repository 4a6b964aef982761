"""Starting several processes of a command on this machine, as torchrun does."""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from elmokit.processes import available_processors


def launch(arguments: Sequence[str], num_processes: int, *, max_restarts: int = 0) -> int:
    """Run ``elmokit ARGUMENTS...`` in several processes with ranks, until all have ended.

    They find each other at a free port. SIGINT, SIGTERM and SIGHUP are passed on to them; each of them is
    in a session of its own, so that Ctrl-C at the terminal reaches it once.

    Args:
        arguments: of the command line.
        num_processes: to start.
        max_restarts: how often all processes are started again after one of them has failed.

    Returns:
        The exit status: 0, that of a process that has failed, or 128 plus the number of a signal.
    """
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=max_restarts,
        signals_to_handle="SIGTERM,SIGINT,SIGHUP",
    )
    # As torchrun does, but with all cores instead of one for each process.
    threads = {"OMP_NUM_THREADS": str(max(1, available_processors() // num_processes))}
    try:
        with _quiet_agent(), _environment(threads):
            elastic_launch(config, sys.executable)("-m", "elmokit", *arguments)
    except SignalException as stop:
        return 128 + int(stop.sigval)
    except ChildFailedError as error:
        # A process that a signal has ended fails the others, which say so and exit with 2.
        codes = [failure.exitcode for failure in error.failures.values()]
        return next((code for code in codes if code > 0), 128 - codes[0])
    return 0


@contextmanager
def _quiet_agent() -> Iterator[None]:
    """Leave it to the processes to say what goes wrong."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # each logger of PyTorch has a level of its own
    # There is no SIGHUP on Windows.
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        logging.disable(disabled)
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables that are not set, for the processes that are started."""
    added = values.keys() - os.environ.keys()
    os.environ.update({name: values[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
