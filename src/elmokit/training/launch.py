"""Starting several processes of a command on this machine, as torchrun does."""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from elmokit.processes import available_processors
from elmokit.training.distributed import RankError
from elmokit.training.rendezvous import LAUNCHER, shutdown_seconds


def launch(arguments: Sequence[str], num_processes: int, *, max_restarts: int = 0) -> int:
    """Run ``elmokit ARGUMENTS...`` in several processes with ranks, until all have ended.

    They find each other at a free port. SIGINT, SIGTERM and SIGHUP are passed on to them; each of them is
    in a session of its own, so that Ctrl-C at the terminal reaches it once.

    Args:
        arguments: of the command line.
        num_processes: to start.
        max_restarts: how often all processes are started again after one of them has failed.

    Returns:
        The exit status: 0, that of a process that has failed, or 128 plus the number of a signal that has
        stopped all.

    Raises:
        RankError: when one of them has been killed, or had to be.
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
    added = {
        "OMP_NUM_THREADS": str(max(1, available_processors() // num_processes)),
        LAUNCHER: str(os.getpid()),
    }
    try:
        with _quiet_agent(), _environment(added):
            elastic_launch(config, sys.executable)("-m", "elmokit", *arguments)
    except SignalException as stop:
        return 128 + int(stop.sigval)
    except ChildFailedError as error:
        refuse_lost(error.failures, num_processes)
        codes = [failure.exitcode for failure in error.failures.values()]
        return next((code for code in codes if code > 0), 128 - codes[0])
    return 0


def refuse_lost(failures: Mapping[int, ProcessFailure], num_processes: int) -> None:
    """Name a process that could not say by itself what has happened; the main one is silent if it is lost.

    When one has failed, the others are asked to end by SIGTERM. Those that do not do so in time are killed.
    """
    began = min(failure.timestamp for failure in failures.values())
    for rank, failure in failures.items():
        if failure.exitcode >= 0 or failure.exitcode == -signal.SIGTERM:
            continue
        name, waited = signal.Signals(-failure.exitcode).name, failure.timestamp - began
        happened = (
            f"did not answer, and was killed after {waited} seconds"
            if name == "SIGKILL" and waited >= shutdown_seconds() - 1
            else f"was ended by {name}" + " (is there enough memory?)" * (name == "SIGKILL")
        )
        raise RankError(
            f"process {rank} of {num_processes} {happened}: resume from the last checkpoint with --resume, "
            "or start with --max-restarts, which does so"
        )


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
