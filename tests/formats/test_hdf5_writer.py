"""A disk that fills up gives an error, not a crash of the process."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmokit.config import Config
from elmokit.errors import OutputError
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.formats.hdf5_writer import Hdf5Writer
from elmokit.model.bilm import BiLM

LargestFile = Callable[[int], AbstractContextManager[None]]


@pytest.mark.parametrize("size", [100, 5_000, 1_000_000])
def test_a_failed_write_is_raised_at_once(tmp_path: Path, largest_file: LargestFile, size: int) -> None:
    num_written = 0

    def write_many() -> None:
        nonlocal num_written
        with Hdf5Writer(tmp_path / "a.hdf5") as writer:
            for num_written in range(1000):
                writer.write(str(num_written), np.zeros(size, dtype=np.float32))

    with largest_file(20_000), pytest.raises(OSError, match="File too large"):
        write_many()
    assert num_written * size * 4 <= 40_000, "went on after the failure"


def test_nothing_is_left_of_a_failed_dump(tmp_path: Path, largest_file: LargestFile) -> None:
    config = Config.load("tiny").model
    parameters = {name: torch.zeros_like(value) for name, value in BiLM(config, None).named_parameters()}
    error = pytest.raises(OutputError, match=r"weights\.hdf5: cannot write: File too large")
    with largest_file(20_000), error:
        write_weights(tmp_path / "weights.hdf5", config, parameters)
    assert list(tmp_path.iterdir()) == []


def test_a_whole_file_reads_back(tmp_path: Path) -> None:
    values = {f"group/{k}": np.full((k, 3), k, dtype=np.float32) for k in range(50)}
    with Hdf5Writer(tmp_path / "a.hdf5") as writer:
        for name, array in values.items():
            writer.write(name, array)
    with h5py.File(tmp_path / "a.hdf5", "r") as file:
        assert all(np.array_equal(file[name], array) for name, array in values.items())


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself these signals")
def test_ctrl_c_inside_of_a_write_is_raised_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    num_calls = 0

    def write(file: io.FileIO, data: memoryview) -> int:
        nonlocal num_calls
        num_calls += 1
        signal.raise_signal(signal.SIGINT)
        return io.FileIO.write(file, data) or 0

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("elmokit.formats.hdf5_writer._GuardedFile.write", write)

    def write_some() -> None:
        with Hdf5Writer(tmp_path / "a.hdf5") as writer:
            writer.write("x", np.zeros(100_000, np.float32))

    with pytest.raises(KeyboardInterrupt):
        write_some()
    assert num_calls
    assert signal.getsignal(signal.SIGINT) == handler
    monkeypatch.undo()
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert not np.any(file["x"])
