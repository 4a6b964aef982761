"""One training run at a time in a save directory."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from elmokit.errors import OutputError
from elmokit.files.atomic import output_error, write_text
from elmokit.files.durable import make_directory
from elmokit.files.json_table import read_json
from elmokit.files.leftovers import clear_leftovers

_LOCK, _HOLDER = ".lock", ".holder.json"


@contextmanager
def locked(save_dir: Path) -> Iterator[None]:
    """Lock a save directory, which is created if it is missing; refuse it while another process holds it.

    The lock is the operating system's: it ends with the process, so none is left behind by a run that
    was killed, and what such a run has left half-written is cleared. The process that holds it may take it
    again.

    Raises:
        OutputError: when another process holds it, naming that process, or when the directory cannot be
            written.
    """
    try:
        make_directory(save_dir)
        lock = FileLock(save_dir.resolve() / _LOCK, is_singleton=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"{save_dir}: another training run is using it ({_holder(save_dir)}): wait for it to finish, "
            "stop it, or choose another --save-dir"
        ) from None
    except OSError as error:
        raise output_error(save_dir, error) from error
    try:
        if lock.lock_counter == 1:
            for directory in (save_dir, save_dir / "checkpoints"):
                clear_leftovers(directory)
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        write_text(save_dir / _HOLDER, json.dumps(holder) + "\n")
        yield
    finally:
        if lock.lock_counter == 1:
            (save_dir / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(save_dir: Path) -> str:
    """Return who holds the directory, as far as it is known."""
    try:
        holder = read_json(save_dir / _HOLDER)
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "an unknown process"
