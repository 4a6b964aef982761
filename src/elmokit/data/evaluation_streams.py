"""Batches for evaluation: every token once, or the batches of bilm-tf's ``test()``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elmokit.data.batches import RowReader, TextBatch
from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus


def every_token_once(
    text: IndexedCorpus, *, num_rows: int, num_steps: int, num_warm_up: int, bidirectional: bool
) -> Iterator[TextBatch]:
    """Yield batches in which every token of a text counts as a target exactly once.

    The text is divided in its own order into ``num_rows`` parts of about the same number of tokens, one for
    each row. A row starts at least ``num_warm_up`` tokens before its part, so that its LSTM state is about
    what it would be if the text were read in one pass: a model trained with carried state has not seen a zero
    state often. ``is_counted`` marks the targets that count. Blank lines are skipped.

    Args:
        text: The text, without replayed text.
        num_rows: Number B of batch rows.
        num_steps: Number T of steps per batch.
        num_warm_up: Smallest number of tokens that a row reads before its part, if there are that many.
        bidirectional: Read backward as well.
    """
    corpus = text.corpus
    assert isinstance(corpus, Corpus)
    # The line at which each row's part starts.
    shares = np.linspace(0, corpus.num_tokens, num_rows + 1)
    starts = np.searchsorted(corpus.offsets[:-1], shares, side="left")
    starts[0], starts[-1] = 0, corpus.num_lines
    warm_up_tokens = np.maximum(corpus.offsets[starts[:-1]] - num_warm_up, 0)
    warm_ups = np.searchsorted(corpus.offsets, warm_up_tokens, side="right") - 1
    queues = [iter(range(warm_ups[row], starts[row + 1])) for row in range(num_rows)]

    def next_sentence(row: int) -> int | None:
        return next((k for k in queues[row] if corpus.offsets[k] < corpus.offsets[k + 1]), None)

    rows = RowReader(corpus, num_rows, bidirectional=bidirectional, first_counted=starts[:-1].tolist())
    while True:
        windows, sentences = rows.read(num_steps, next_sentence)
        if not sentences:  # all rows have reached the end of their parts
            return
        yield text.batch(windows, sentences)


def bilm_test_stream(text: IndexedCorpus, *, batch_size: int, bidirectional: bool) -> Iterator[TextBatch]:
    """Yield the batches of bilm-tf's ``test()``: one step each, until any row runs out of text.

    Rows take sentences from one queue in the order of the text, blank lines included.

    Args:
        text: The text, without replayed text.
        batch_size: Number B of batch rows.
        bidirectional: Read backward as well.
    """
    corpus = text.corpus
    assert isinstance(corpus, Corpus)
    queue = iter(range(corpus.num_lines))
    rows = RowReader(corpus, batch_size, bidirectional=bidirectional)
    while True:
        windows, sentences = rows.read(1, lambda row: next(queue, None))
        if not windows[0].is_counted.all():
            return
        yield text.batch(windows, sentences)
