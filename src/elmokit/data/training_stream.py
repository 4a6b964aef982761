"""The endless stream of training batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from elmokit.data.batches import RowReader, TextBatch
from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.replay import CorpusWithReplay
from elmokit.data.sentence_order import SentenceOrder
from elmokit.data.text_file import list_names
from elmokit.errors import CorpusError


class TrainingStream:
    """Endless batches for training: in each epoch every sentence once, in a new order.

    The position can be saved and restored exactly. The order depends only on ``seed`` and the epoch. Without
    ``shuffle`` the sentences are read in the order of the text, as in bilm-tf; with it both directions share
    one order (bilm-tf draws two), so that they share their word types as well.

    If old text is replayed, a row takes a sentence of the old text whenever its share of the predictions so
    far is below ``replay_share``.

    Args:
        text: The training text.
        batch_size: Number B of batch rows.
        unroll_steps: Number T of steps per batch.
        bidirectional: Read backward as well.
        shuffle: Draw a new order for each epoch.
        keep_blank_lines: Treat blank lines as empty sentences, as bilm-tf does; otherwise skip them.
        seed: Seed of the order.
        replay_share: Share of the predictions that are from the old text, between 0 and 1.
        rows: The adjacent batch rows whose text the batches contain; by default all. The position is always
            that of all rows.

    Raises:
        CorpusError: If there are fewer sentences than batch rows.
    """

    def __init__(
        self,
        text: IndexedCorpus,
        *,
        batch_size: int,
        unroll_steps: int,
        bidirectional: bool,
        shuffle: bool,
        keep_blank_lines: bool,
        seed: int,
        replay_share: float = 0.0,
        rows: range | None = None,
    ) -> None:
        corpus = text.corpus
        new_text = corpus.new_text if isinstance(corpus, CorpusWithReplay) else corpus
        if new_text.num_sentences < batch_size:
            names = list_names(new_text.sources) or "training text"
            raise CorpusError(
                f"{names}: {new_text.num_sentences} sentences are too few for "
                f"batch_size={batch_size}: expected at least one sentence per batch row; lower batch_size"
            )
        self._text = text
        self._unroll_steps = unroll_steps
        self._rows = RowReader(corpus, batch_size, bidirectional=bidirectional, rows=rows)

        def order_of(corpus: Corpus) -> SentenceOrder:
            return SentenceOrder(corpus, shuffle=shuffle, keep_blank_lines=keep_blank_lines, seed=seed)

        self._order = order_of(new_text)
        self._replay_order = (
            order_of(corpus.old_text) if isinstance(corpus, CorpusWithReplay) and replay_share else None
        )
        self._replay_share = replay_share
        self._num_queued, self._num_replayed = 0, 0  # predictions of the sentences taken so far

    @property
    def num_predictions_per_epoch(self) -> int:
        """Number of targets in one pass over the new text, per direction, those of replayed text included."""
        if self._replay_order is None:
            return self._order.num_predictions
        return round(self._order.num_predictions / (1 - self._replay_share))

    def __iter__(self) -> Iterator[TextBatch]:
        while True:
            yield self._text.batch(*self._rows.read(self._unroll_steps, self._next_sentence))

    def _next_sentence(self, row: int) -> int:
        if self._replay_order is None:
            return next(self._order)
        corpus = self._text.corpus
        assert isinstance(corpus, CorpusWithReplay)
        replays = self._num_replayed < self._replay_share * self._num_queued
        sentence = corpus.index_of_old(next(self._replay_order)) if replays else next(self._order)
        num_predictions = corpus.length(sentence) + 1
        self._num_queued += num_predictions
        self._num_replayed += replays * num_predictions
        return sentence

    def state_dict(self) -> dict[str, Any]:
        """Return the exact position, as plain numbers."""
        state = {"order": self._order.state_dict(), "lanes": self._rows.state_dict()}
        if self._replay_order is not None:
            state["replay"] = {
                "order": self._replay_order.state_dict(),
                "num_queued": self._num_queued,
                "num_replayed": self._num_replayed,
            }
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position of a stream with the same corpus, batch size and seed."""
        self._order.load_state_dict(state["order"])
        self._rows.load_state_dict(state["lanes"])
        if self._replay_order is not None:
            replay = state["replay"]
            self._replay_order.load_state_dict(replay["order"])
            self._num_queued, self._num_replayed = replay["num_queued"], replay["num_replayed"]
