"""How the processes of a run find each other: what torchrun tells each of them."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

import torch
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from elmokit.errors import ConfigError

LAUNCHER = "ELMOKIT_LAUNCHER"
"""The environment variable that tells a process the number of the one that has started it."""

_POLL_SECONDS = 0.02
_WATCH_SECONDS = 0.5


class Launched(NamedTuple):
    """One of the processes that torchrun has started."""

    rank: int
    num: int
    """Number of processes."""
    local_rank: int
    """Among those on its machine."""
    local_num: int
    """Number of processes on its machine."""
    address: str
    """Where the processes meet."""


def launched() -> Launched | None:
    """Return what torchrun, or another launcher that sets its variables, has told this process."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    if not all(name in os.environ for name in names):
        return None
    rank, num = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    return Launched(
        rank,
        num,
        int(os.environ.get("LOCAL_RANK", rank)),
        int(os.environ.get("LOCAL_WORLD_SIZE", num)),
        f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}",
    )


def launch_id() -> str | None:
    """Return what the processes that torchrun starts, and starts again, have in common; None without it."""
    run_id = os.environ.get("TORCHELASTIC_RUN_ID")
    if run_id == "none":  # the default of torchrun, whose process is the parent of this one
        return f"{socket.gethostname()}:{os.getppid()}"
    return run_id


def is_started_again() -> bool:
    """Return whether torchrun has started this process in place of one that has failed."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def shutdown_seconds() -> int:
    """Return how long a process that is to end may take, as torchrun reads it."""
    return int(os.environ.get("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "30"))


@contextmanager
def ending_with_launcher() -> Iterator[None]:
    """End this process when what has started it is gone, such as killed, inside the ``with`` block.

    torchrun and :func:`elmokit.training.launch.launch` end the processes that they have started. If they are
    killed themselves, these would go on, or wait for each other, unnoticed. This process gets SIGTERM, as it
    would from torchrun, and so ends training with a checkpoint. If that takes too long, it is ended at once.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:  # started by something else, which may end before it
        yield
        return
    launcher, done = int(os.environ.get(LAUNCHER, os.getppid())), threading.Event()

    def watch() -> None:
        while os.getppid() == launcher:
            if done.wait(_WATCH_SECONDS):
                return
        os.kill(os.getpid(), signal.SIGTERM)
        if not done.wait(shutdown_seconds()):
            os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, name="elmokit-launcher", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def meet(timeout: timedelta) -> Store:
    """Return a store that the processes of this start share, and no earlier ones.

    torchrun may keep one store over its restarts, with the addresses of processes that have ended. The main
    process therefore names a part of it anew, for those that it has met.

    Raises:
        RuntimeError: when not all processes come.
    """
    store, rank, num = next(rendezvous("env://", timeout=timeout))
    own, deadline = uuid.uuid4().hex, time.monotonic() + timeout.total_seconds()
    store.set(f"elmokit/arrived/{rank}", own)
    while time.monotonic() < deadline:
        if rank == 0:
            arrived = [store.get(f"elmokit/arrived/{other}").decode() for other in range(num)]
            store.set("elmokit/met", " ".join(arrived))
        met = store.get("elmokit/met").decode().split()
        if own in met:
            if rank:
                store.add(f"elmokit/known/{met[0]}", 1)
            if rank or store.add(f"elmokit/known/{own}", 0) == num - 1:
                return PrefixStore(met[0], store)
        time.sleep(_POLL_SECONDS)
    raise RuntimeError(f"not all of {num} processes have come")


def own_device(name: str, process: Launched) -> str:
    """Return the device of one of the processes on a machine.

    Args:
        name: setting of the run.
        process: each takes a GPU of its own, if there are any.

    Raises:
        ConfigError: when there are fewer GPUs than processes, or all would use the same one.
    """
    if name.startswith("cuda:") and process.local_num > 1:
        raise ConfigError(
            f"device={name}: expected auto, cuda or cpu: each of {process.local_num} processes takes a "
            "GPU of its own"
        )
    if name not in ("auto", "cuda") or not torch.cuda.is_available():
        return name
    if process.local_num > torch.cuda.device_count():
        raise ConfigError(
            f"{process.local_num} processes on {socket.gethostname()} need as many GPUs, found "
            f"{torch.cuda.device_count()}: lower num_processes, or set device=cpu"
        )
    return f"cuda:{process.local_rank}"
