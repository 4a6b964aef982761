"""Writing HDF5 files without crashing when the disk is full."""

from __future__ import annotations

import io
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from elmokit.processes.interruption import signals_put_off


class Hdf5Writer:
    """A new HDF5 file, to be used as a context manager.

    The HDF5 library crashes the process when a write fails at the wrong moment. So the library is told that
    every write succeeded, and the error is raised as soon as it has returned.

    Args:
        path: the file; an existing one is overwritten.
    """

    def __init__(self, path: Path) -> None:
        self._guarded = _GuardedFile(path)
        try:
            with signals_put_off():
                self._file = h5py.File(self._guarded, "w")
        except KeyboardInterrupt:  # before or after the library has opened it
            self._guarded.close()
            raise

    def write(self, name: str, values: np.ndarray) -> None:
        """Add a dataset.

        Raises:
            OSError: when the file could not be written.
        """
        with signals_put_off():
            self._file.create_dataset(name, data=values)
        self._raise_failure()

    def _close(self) -> None:
        try:
            with signals_put_off():
                self._file.close()
        finally:
            self._guarded.close()

    def _raise_failure(self) -> None:
        if self._guarded.failure is not None:
            raise self._guarded.failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if error is None:
            self._raise_failure()


class _GuardedFile(io.FileIO):
    """A file that keeps its first error instead of raising it, and ignores all writes after it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) and self.failure is None:
            try:
                done += super().write(view[done:]) or 0
            except OSError as error:
                self.failure = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0
