"""Embedding and training use none of PyTorch's parallel loops, whose threads wait for each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from elmokit.embedder import ElmoEmbedder

pytestmark = pytest.mark.usefixtures("two_threads")


class _ThreadsOfOperations(TorchDispatchMode):
    """Notes how many threads each operation of this thread may use."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, set[str]] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found.setdefault(torch.get_num_threads(), set()).add(str(function))
        return function(*args, **(kwargs or {}))


def test_embedding():
    embedder = ElmoEmbedder.load("tiny-en")
    sentences = [["the", "house"] * n for n in range(1, 40)]
    with _ThreadsOfOperations() as threads:
        embedder.embed(sentences, dtype="float16")
    assert set(threads.found) == {1}, threads.found


def test_training(make_trainer):
    trainer = make_trainer(max_steps=2)
    batches = iter(trainer.stream)
    trainer.train_step(next(batches))
    batch = next(batches)
    with _ThreadsOfOperations() as threads:
        trainer.train_step(batch)
    assert set(threads.found) == {1}, threads.found
