"""The records of a run: ``metrics.jsonl`` and TensorBoard files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from elmokit.errors import ElmokitError, OutputError
from elmokit.files.atomic import output_error, write_text
from elmokit.files.listing import require_regular_file
from elmokit.model.bilm import BiLM, BiLMOutput
from elmokit.training.event_file import EventFile

_MAX_STEPS = 1 << 53  # which a floating-point number can count


class Journal:
    """The records of one run.

    Args:
        save_dir: of the run; ``metrics.jsonl`` and ``tensorboard/`` go there.
        step: updates done so far; records of later steps, left by a run that was cut off, are dropped.

    ``has_tensorboard`` says whether the optional package is installed; without it only ``metrics.jsonl`` is
    written.
    """

    def __init__(self, save_dir: Path, *, step: int) -> None:
        self._save_dir = save_dir
        self._path = save_dir / "metrics.jsonl"
        self._events_dir = save_dir / "tensorboard"
        self._open(step)

    def rewind(self, step: int) -> None:
        """Drop the records of later steps, because training continues from this one."""
        self._close()
        self._open(step)

    def _open(self, step: int) -> None:
        earlier = read_metrics(self._save_dir) if step and self._path.exists() else []
        kept = [json.dumps(record) + "\n" for record in earlier if record["step"] <= step]
        write_text(self._path, "".join(kept))
        self._events: EventFile | None = None
        with suppress(ImportError), _naming(self._events_dir):
            self._events = EventFile(self._events_dir, first_step=step + 1 if step else None)
        self.has_tensorboard = self._events is not None
        with _naming(self._path):
            self._file = self._path.open("a", encoding="utf-8")

    def scalars(self, event: str, step: int, values: Mapping[str, float | int | None]) -> None:
        """Write one record: a line of JSON, and a TensorBoard scalar for each number.

        Raises:
            OutputError: when the disk is full or not writable.
        """
        present = {name: value for name, value in values.items() if value is not None}
        with _naming(self._path):
            self._file.write(json.dumps({"event": event, "step": step, **present}) + "\n")
            self._file.flush()
        if self._events is not None:
            with _naming(self._events_dir):
                for name, value in present.items():
                    self._events.add_scalar(f"{event}/{name}", value, step)
                self._events.flush()

    def sync(self) -> None:
        """Have the disk remember the records, as a checkpoint that is written next expects.

        Raises:
            OutputError: when the disk is full or damaged.
        """
        with _naming(self._path):
            os.fsync(self._file.fileno())

    def histograms(self, step: int, model: BiLM, output: BiLMOutput) -> None:
        """Write the distribution of weights and activations, for TensorBoard only.

        Raises:
            OutputError: when the disk is full or not writable.
        """
        if self._events is None:
            return
        tensors: dict[str, Tensor] = {}
        tensors |= {f"weights/{name}": value for name, value in model.named_parameters()}
        tensors |= {f"activations/{name}": value for name, value in output.activations().items()}
        with _naming(self._events_dir):
            for name, tensor in tensors.items():
                self._events.add_histogram(name, tensor.detach().float().cpu(), step)
            self._events.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OutputError) if error is not None else nullcontext():  # the first error is reported
            self._close()

    def _close(self) -> None:
        try:
            with _naming(self._path):
                self._file.close()
        finally:
            if self._events is not None:
                with _naming(self._events_dir):
                    self._events.close()


class NoJournal:
    """The journal of a process that writes nothing."""

    def rewind(self, step: int) -> None:
        """Do nothing."""

    def scalars(self, event: str, step: int, values: Mapping[str, float | int | None]) -> None:
        """Do nothing."""

    def sync(self) -> None:
        """Do nothing."""

    def histograms(self, step: int, model: BiLM, output: BiLMOutput) -> None:
        """Do nothing."""


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into one that names ``path``."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def read_metrics(save_dir: Path) -> list[dict[str, Any]]:
    """Return the records of a run, in order; lines that were cut off or damaged are left out.

    Every record has a number of updates as ``step`` and a text as ``event``; other values are not checked.

    Raises:
        ElmokitError: when the file is missing or cannot be read.
    """
    path = save_dir / "metrics.jsonl"
    if not path.exists():
        raise ElmokitError(f"{path}: no such file: expected the save directory of a training run")
    records = []
    try:
        require_regular_file(path)
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                record = _record(line)
                if record is not None:
                    records.append(record)
    except OSError as error:
        raise ElmokitError(f"{path}: cannot read: {error.strerror or error}") from None
    return records


def _record(line: str) -> dict[str, Any] | None:
    """Return what a line holds; None if it is damaged."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or type(record.get("event")) is not str:
        return None
    step = record.get("step")
    return record if type(step) is int and 0 <= step < _MAX_STEPS else None
