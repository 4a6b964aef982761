"""Embedding in a process of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from elmokit.processes import available_processors, worker_number


class EmbeddingWorker:
    """Embeds parts of a text in one of several processes, for :func:`~elmokit.processes.ordered_map`.

    Args:
        embed: returns the vectors of sentences.
        use_device: moves what ``embed`` computes with to a device.
        device_type: of the device it is on. On CUDA, each process takes the next of the devices.
        num_processes: number of processes that share the processors.
    """

    def __init__(
        self,
        embed: Callable[[list[list[str]]], list[np.ndarray]],
        use_device: Callable[[str], None],
        device_type: str,
        num_processes: int,
    ) -> None:
        self._embed, self._use_device = embed, use_device
        self._device_type, self._num_processes = device_type, num_processes
        self._is_prepared = False

    def __call__(self, sentences: list[list[str]]) -> list[np.ndarray]:
        """Return the vectors of sentences."""
        if not self._is_prepared:
            self._prepare()
            self._is_prepared = True
        return self._embed(sentences)

    def _prepare(self) -> None:
        torch.set_num_threads(max(1, available_processors() // self._num_processes))
        if self._device_type == "cuda":
            self._use_device(f"cuda:{worker_number() % torch.cuda.device_count()}")
