"""Batches for evaluation: every token once, or those of bilm-tf's ``test()``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elmokit.data.batches import RowReader, TextBatch
from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus


def every_token_once(
    text: IndexedCorpus, *, num_rows: int, num_steps: int, num_warm_up: int, bidirectional: bool
) -> Iterator[TextBatch]:
    """Yield batches in which every token of a text is a counted target exactly once.

    The text is cut into ``num_rows`` parts of about as many tokens, in its own order, one for each row. A row
    starts at least ``num_warm_up`` tokens before its part, so that its state is what it would be had the text
    been read in one go: a zero state is unfamiliar to a model that was trained with carried state.
    ``is_counted`` marks the targets that count. Blank lines are skipped.
    """
    corpus = text.corpus
    assert isinstance(corpus, Corpus)
    # The line in which each row's part begins.
    shares = np.linspace(0, corpus.num_tokens, num_rows + 1)
    starts = np.searchsorted(corpus.offsets[:-1], shares, side="left")
    starts[0], starts[-1] = 0, len(corpus.offsets) - 1
    warm_up_tokens = np.maximum(corpus.offsets[starts[:-1]] - num_warm_up, 0)
    warm_ups = np.searchsorted(corpus.offsets, warm_up_tokens, side="right") - 1
    queues = [iter(range(warm_ups[row], starts[row + 1])) for row in range(num_rows)]

    def next_sentence(row: int) -> int | None:
        return next((k for k in queues[row] if corpus.offsets[k] < corpus.offsets[k + 1]), None)

    rows = RowReader(corpus, num_rows, bidirectional=bidirectional, first_counted=starts[:-1].tolist())
    while True:
        windows, sentences = rows.read(num_steps, next_sentence)
        if not sentences:  # all rows have reached their end
            return
        yield text.batch(windows, sentences)


def bilm_test_stream(text: IndexedCorpus, *, batch_size: int, bidirectional: bool) -> Iterator[TextBatch]:
    """Yield the batches of bilm-tf's ``test()``: one step each, ending as soon as a row runs out of text.

    Rows take sentences from one queue in file order, blank lines included.
    """
    corpus = text.corpus
    assert isinstance(corpus, Corpus)
    queue = iter(range(len(corpus.offsets) - 1))
    rows = RowReader(corpus, batch_size, bidirectional=bidirectional)
    while True:
        windows, sentences = rows.read(1, lambda row: next(queue, None))
        if not windows[0].is_counted.all():
            return
        yield text.batch(windows, sentences)
