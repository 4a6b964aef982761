"""Reading batches on a thread of its own, while a device computes with those before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from elmokit.data.batches import TextBatch
from elmokit.data.training_stream import TrainingStream


class ReadAhead:
    """A stream whose next batch is prepared while the present one is used.

    It has the batches and the positions of the stream itself: a position is always that behind the batch
    that was taken last, whatever has been read ahead.

    Args:
        stream: that nobody else reads from now on.
    """

    def __init__(self, stream: TrainingStream) -> None:
        self._stream = stream
        self._batches = iter(stream)
        self._position = stream.state_dict()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="elmokit-read-ahead")
        self._next: Future[tuple[TextBatch, dict[str, Any]]] | None = None

    def __iter__(self) -> Iterator[TextBatch]:
        while True:
            batch, self._position = (self._next or self._reader.submit(self._read)).result()
            self._next = self._reader.submit(self._read)
            yield batch

    def _read(self) -> tuple[TextBatch, dict[str, Any]]:
        batch = next(self._batches)
        return batch, self._stream.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """Return the position behind the batch that was taken last."""
        return self._position

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position; what has been read ahead is forgotten."""
        if self._next is not None:
            self._next.result()
        self._next = None
        self._stream.load_state_dict(state)
        self._position = self._stream.state_dict()
