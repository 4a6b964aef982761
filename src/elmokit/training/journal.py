"""What a run writes down while it trains: ``metrics.jsonl`` and TensorBoard files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from torch import Tensor

from elmokit.data.vocabulary import EOS_ID, UNK_ID
from elmokit.errors import ElmokitError, OutputError
from elmokit.files.atomic import output_error, write_text
from elmokit.training.event_file import EventFile


@dataclass
class Recent:
    """What has happened since the last record of training batches."""

    losses: list[float] = field(default_factory=list)
    """Of the batches."""
    num_words: int = 0
    """Targets, sentence ends left out."""
    num_unknown: int = 0
    """Those of them that are not in the vocabulary."""
    seconds: float = 0.0
    """Spent on training steps."""
    last_loss: float | None = None
    """Mean loss of the last record."""

    def add(self, loss: float, targets: np.ndarray, seconds: float) -> None:
        """Count a batch with these targets (T, B) of the forward direction."""
        self.losses.append(loss)
        self.num_words += int((targets != EOS_ID).sum())
        self.num_unknown += int((targets == UNK_ID).sum())
        self.seconds += seconds

    def mean_loss(self) -> float:
        """Of the batches since the last record, or of that where there are none."""
        if self.losses:
            return float(np.mean(self.losses))
        return math.nan if self.last_loss is None else self.last_loss

    def start_anew(self) -> None:
        """Begin the time after a record."""
        self.load_state_dict(asdict(Recent(last_loss=self.mean_loss())))

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        for name, value in values.items():
            setattr(self, name, value)


class Journal:
    """The records of one run.

    Args:
        save_dir: of the run; ``metrics.jsonl`` and ``tensorboard/`` go there.
        step: updates that the run has behind it; records of later steps, left by a run that was cut
            off, are dropped.

    ``has_tensorboard`` tells whether the optional package is there; without it ``metrics.jsonl`` is
    all that is written.
    """

    def __init__(self, save_dir: Path, *, step: int) -> None:
        self._save_dir = save_dir
        self._path = save_dir / "metrics.jsonl"
        self._events_dir = save_dir / "tensorboard"
        self._open(step)

    def rewind(self, step: int) -> None:
        """Drop the records of later steps, because training goes on from this one."""
        self._close()
        self._open(step)

    def _open(self, step: int) -> None:
        earlier = read_metrics(self._save_dir) if step and self._path.exists() else []
        kept = [json.dumps(record) + "\n" for record in earlier if record["step"] <= step]
        write_text(self._path, "".join(kept))
        self._events: EventFile | None = None
        with suppress(ImportError), _told(self._events_dir):
            self._events = EventFile(self._events_dir, first_step=step + 1 if step else None)
        self.has_tensorboard = self._events is not None
        with _told(self._path):
            self._file = self._path.open("a", encoding="utf-8")

    def scalars(self, event: str, step: int, values: Mapping[str, float | int | None]) -> None:
        """Write one record: a line of JSON, and a TensorBoard scalar for each number.

        Raises:
            OutputError: when the disk is full or not writable.
        """
        present = {name: value for name, value in values.items() if value is not None}
        with _told(self._path):
            self._file.write(json.dumps({"event": event, "step": step, **present}) + "\n")
            self._file.flush()
        if self._events is not None:
            with _told(self._events_dir):
                for name, value in present.items():
                    self._events.add_scalar(f"{event}/{name}", value, step)
                self._events.flush()

    def histograms(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Write the distribution of weights and activations, for TensorBoard alone.

        Raises:
            OutputError: when the disk is full or not writable.
        """
        if self._events is not None:
            with _told(self._events_dir):
                for name, tensor in tensors.items():
                    self._events.add_histogram(name, tensor.detach().float().cpu(), step)
                self._events.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OutputError) if error is not None else nullcontext():  # the first one is to be told
            self._close()

    def _close(self) -> None:
        try:
            with _told(self._path):
                self._file.close()
        finally:
            if self._events is not None:
                with _told(self._events_dir):
                    self._events.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Name what cannot be written."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def read_metrics(save_dir: Path) -> list[dict[str, Any]]:
    """The records of a run, in order; a line that was cut off or damaged is left out.

    Raises:
        ElmokitError: when there are none.
    """
    path = save_dir / "metrics.jsonl"
    if not path.exists():
        raise ElmokitError(f"{path}: no such file: expected the save directory of a training run")
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "step" in record:
            records.append(record)
    return records
