"""Files for TensorBoard."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

# As TensorFlow has them: from 1e-12 to 1e20 each a tenth wider than the one before, on both sides of zero.
_POSITIVE_BINS = 1e-12 * 1.1 ** np.arange(774)
_BINS = np.concatenate([-_POSITIVE_BINS[::-1], [0.0], _POSITIVE_BINS])


class EventFile:
    """One file of events.

    The writer that PyTorch brings writes from a thread of its own, where a full disk shows up late, with a
    trace and without a name.

    Args:
        directory: for TensorBoard to look into; made if it is missing.
        first_step: of the events to come; those of earlier files from there on are void. None for none.

    Raises:
        ImportError: when TensorBoard is not installed.
        OSError: when the file cannot be written, as all methods do.
    """

    def __init__(self, directory: Path, *, first_step: int | None) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter
        from torch.utils.tensorboard import summary

        self._event, self._summary = Event, summary
        directory.mkdir(parents=True, exist_ok=True)
        self._file = (directory / _new_name(directory)).open("xb")
        self._records = RecordWriter(self._file)
        self._write(file_version="brain.Event:2")
        if first_step is not None:
            self._write(step=first_step, session_log=SessionLog(status=SessionLog.START))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Add one number."""
        self._write(step=step, summary=self._summary.scalar(name, value))

    def add_histogram(self, name: str, values: Tensor, step: int) -> None:
        """Add the distribution of some numbers."""
        self._write(step=step, summary=self._summary.histogram(name, values.numpy(), _BINS))

    def flush(self) -> None:
        """Write what has been added to the file."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, **content: Any) -> None:
        self._records.write(self._event(wall_time=time.time(), **content).SerializeToString())


def _new_name(directory: Path) -> str:
    """A name that sorts after all others, as TensorBoard expects; clocks may have been put back."""
    parts = [path.name.split(".") for path in directory.glob("events.out.tfevents.*")]
    last = max((int(part[3]) for part in parts if part[3].isdigit()), default=0)
    return f"events.out.tfevents.{max(int(time.time()), last + 1):010d}.{socket.gethostname()}.{os.getpid()}"
