"""Batches of sentences of similar length, with results in the original order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from elmokit.arguments import whole_number

Result = TypeVar("Result")

_BATCH_TOKENS = 8192  # padded tokens of a batch, unless a single sentence has more
_READ_AHEAD_BATCHES = 16
_READ_AHEAD_TOKENS = 16_384  # with all their vectors, 200 MB for the original model


def batches_by_length(
    sentences: Iterable[list[str]],
    run: Callable[[list[list[str]]], Iterable[Result]],
    batch_size: int,
    *,
    read_ahead_batches: int = _READ_AHEAD_BATCHES,
) -> Iterator[Result]:
    """Run sentences in batches of similar length and yield the results in the order of the sentences.

    The number of sentences and tokens read ahead is bounded, so there may be any number of sentences.

    Args:
        sentences: lists of tokens.
        run: returns one result for each sentence of a batch. They are taken after the next batch has been
            started, so they may be waited for only then.
        batch_size: maximum number of sentences per batch.
        read_ahead_batches: number of batches to read ahead and sort by length.

    Raises:
        ConfigError: if ``batch_size`` is not positive.
    """
    batch_size = whole_number("batch_size", batch_size, least=1)
    chunks = chunks_to_sort(sentences, batch_size, read_ahead_batches=read_ahead_batches)
    return _run_batches(chunks, run, batch_size)


def _run_batches(
    chunks: Iterable[list[list[str]]], run: Callable[[list[list[str]]], Iterable[Result]], batch_size: int
) -> Iterator[Result]:
    for chunk in chunks:
        results: dict[int, Result] = {}
        started: Iterable[tuple[int, Result]] = ()
        for indexes in _batches([len(sentence) for sentence in chunk], batch_size):
            before, started = started, zip(indexes, run([chunk[index] for index in indexes]), strict=True)
            results.update(before)
        results.update(started)
        for index in range(len(chunk)):
            yield results.pop(index)


def chunks_to_sort(
    sentences: Iterable[list[str]], batch_size: int, *, read_ahead_batches: int = _READ_AHEAD_BATCHES
) -> Iterator[list[list[str]]]:
    """Yield sentences to sort by length, a bounded number of sentences and tokens at a time.

    :func:`batches_by_length` never runs sentences of two chunks together.

    Raises:
        ConfigError: if ``batch_size`` is not positive.
    """
    return _chunks(sentences, read_ahead_batches * whole_number("batch_size", batch_size, least=1))


def _chunks(sentences: Iterable[list[str]], max_sentences: int) -> Iterator[list[list[str]]]:
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
    """Yield the indexes of sentences to run together, longest first, a bounded number of tokens at a time."""
    order = sorted(range(len(lengths)), key=lambda k: lengths[k], reverse=True)
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[batch[0]] > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
