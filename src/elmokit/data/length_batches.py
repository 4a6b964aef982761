"""Batches of sentences of similar length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from elmokit.errors import ConfigError

Result = TypeVar("Result")

_SORTED_BATCHES = 16  # read ahead and sorted by length
_READ_AHEAD_TOKENS = 16_384  # unless one sentence has more; with their vectors 200 MB in the 2018 model
_BATCH_TOKENS = 8192


def batches_by_length(
    sentences: Iterator[list[str]], run: Callable[[list[list[str]]], list[Result]], batch_size: int
) -> Iterator[Result]:
    """Run sentences in batches of similar length; results come in the order of the sentences.

    A bounded number of sentences and tokens is read ahead, so there may be any number of them.

    Args:
        sentences: lists of tokens.
        run: gives a result for each sentence of a batch.
        batch_size: sentences of a batch at most.

    Raises:
        ConfigError: when ``batch_size`` is not positive.
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size: expected at least 1, got {batch_size}")
    return _run_batches(sentences, run, batch_size)


def _run_batches(
    sentences: Iterator[list[str]], run: Callable[[list[list[str]]], list[Result]], batch_size: int
) -> Iterator[Result]:
    for chunk in _chunks(sentences, _SORTED_BATCHES * batch_size):
        results: dict[int, Result] = {}
        for places in _batches([len(sentence) for sentence in chunk], batch_size):
            results.update(zip(places, run([chunk[place] for place in places]), strict=True))
        for place in range(len(chunk)):
            yield results.pop(place)


def _chunks(sentences: Iterable[list[str]], max_sentences: int) -> Iterator[list[list[str]]]:
    """Sentences to be read ahead and sorted by length: a bounded number of sentences and of tokens."""
    chunk: list[list[str]] = []
    num_tokens = 0
    for sentence in sentences:
        chunk.append(sentence)
        num_tokens += len(sentence)
        if len(chunk) == max_sentences or num_tokens >= _READ_AHEAD_TOKENS:
            yield chunk
            chunk, num_tokens = [], 0
    if chunk:
        yield chunk


def _batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Places of sentences that run together, longest first: a bounded number of sentences and tokens."""
    order = sorted(range(len(lengths)), key=lambda k: lengths[k], reverse=True)
    batch: list[int] = []
    for place in order:
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[batch[0]] > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
