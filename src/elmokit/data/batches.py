"""Corpus → batches: lanes that read sentence after sentence, window after window.

B lanes read side by side. Whenever a lane has come to the end of its sentence it takes the next one
from a queue; a window is the next T steps of every lane. Sentence ``<S> w1 … wn </S>`` gives n + 1
predictions: the inputs are all but the last token and the targets all but the first, so ``</S>`` is
only ever a target and ``<S>`` follows it directly. The backward direction reads the same sentences
from their end. Because a sentence is as long in either direction, both have the same lanes at the
same places, and one small state describes where the stream stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elmokit.data.corpus import Corpus
from elmokit.data.replay import CorpusWithReplay
from elmokit.data.shuffle import Permutation
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CorpusError

_READ_AHEAD = 4096  # places of the shuffled order computed at a time


@dataclass(frozen=True)
class Window:
    """T steps of B lanes in one direction, time-major."""

    inputs: np.ndarray
    """(T, B) int64 type ids."""
    targets: np.ndarray
    """(T, B) int64 type ids."""
    is_real: np.ndarray
    """(T, B) bool; False where a lane has run dry or its target does not count."""


@dataclass(frozen=True)
class Batch:
    """What the model needs for one window: each distinct word type once."""

    types: np.ndarray
    """(U,) type ids, rising."""
    char_ids: np.ndarray | None
    """(U, C), for a model that reads characters."""
    word_ids: np.ndarray
    """(U,) vocabulary ids of the types."""
    inputs: tuple[np.ndarray, ...]
    """Per direction (T, B): places in ``types``."""
    targets: tuple[np.ndarray, ...]
    """Per direction (T, B): vocabulary ids."""
    target_types: tuple[np.ndarray, ...]
    """Per direction (T, B): type ids of the targets."""
    is_real: np.ndarray
    """(T, B) bool, the same for both directions."""
    sentences: tuple[int, ...]
    """The corpus lines that the window touches, rising."""


NextSentence = Callable[[int], int | None]
"""Gives the sentence that a lane reads next, or None when there is none left."""


class Lanes:
    """The places of B lanes in a corpus.

    Args:
        corpus: what they read.
        num_lanes: B.
        bidirectional: whether windows of the backward direction are wanted too.
        first_counted: the sentence of each lane from which on its targets count; those before only
            warm its state up.
    """

    def __init__(
        self,
        corpus: Corpus | CorpusWithReplay,
        num_lanes: int,
        *,
        bidirectional: bool,
        first_counted: Sequence[int] | None = None,
    ) -> None:
        self._corpus = corpus
        self._bidirectional = bidirectional
        self.num_lanes = num_lanes
        self._first_counted = [0] * num_lanes if first_counted is None else list(first_counted)
        self._sentence = [-1] * num_lanes  # that each lane is in; -1 before the first
        self._place = [0] * num_lanes  # of its next input within the sentence
        self._tokens: list[np.ndarray | None] = [None] * num_lanes

    def read(self, num_steps: int, next_sentence: NextSentence) -> tuple[list[Window], tuple[int, ...]]:
        """The next window of each direction, and the sentences that it touches."""
        shape = (num_steps, self.num_lanes)
        windows = [
            Window(np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, bool))
            for _ in range(1 + self._bidirectional)
        ]
        touched: set[int] = set()
        for lane in range(self.num_lanes):
            step = 0
            while step < num_steps:
                tokens = self._tokens[lane]
                if tokens is None or self._place[lane] >= len(tokens) - 1:
                    sentence = next_sentence(lane)
                    if sentence is None:
                        self._tokens[lane] = None
                        break
                    tokens = self._enter(lane, sentence, place=0)
                touched.add(self._sentence[lane])
                start = self._place[lane]
                length = min(len(tokens) - 1 - start, num_steps - step)
                end, stop = start + length, step + length
                for window, reading in zip(windows, (tokens, tokens[::-1]), strict=False):
                    window.inputs[step:stop, lane] = reading[start:end]
                    window.targets[step:stop, lane] = reading[start + 1 : end + 1]
                    window.is_real[step:stop, lane] = self._sentence[lane] >= self._first_counted[lane]
                self._place[lane], step = end, stop
        return windows, tuple(sorted(touched))

    def _enter(self, lane: int, sentence: int, *, place: int) -> np.ndarray:
        tokens = self._corpus.sentence(sentence)
        self._sentence[lane], self._place[lane], self._tokens[lane] = sentence, place, tokens
        return tokens

    def state_dict(self) -> dict[str, Any]:
        """Where each lane stands."""
        return {"sentence": list(self._sentence), "place": list(self._place)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go where another stream of the same corpus stood."""
        for lane, (sentence, place) in enumerate(zip(state["sentence"], state["place"], strict=True)):
            if sentence >= 0:
                self._enter(lane, sentence, place=place)


class BatchMaker:
    """Turns windows of type ids into batches, each distinct type once.

    Args:
        corpus: whose types the windows hold.
        vocabulary: of the model.
        max_characters: places C of a word's row; None for a model without characters.
    """

    def __init__(
        self, corpus: Corpus | CorpusWithReplay, vocabulary: Vocabulary, max_characters: int | None
    ) -> None:
        self._types = corpus.types
        self._max_characters = max_characters
        self.word_ids = corpus.types.word_ids(vocabulary)
        """(num_types,) vocabulary id of every type of the corpus."""

    def make(self, windows: list[Window], sentences: tuple[int, ...]) -> Batch:
        """The batch of one window in each direction, and the sentences that it touches."""
        flat = np.concatenate([window.inputs.ravel() for window in windows])
        types, places = np.unique(flat, return_inverse=True)
        shape = windows[0].inputs.shape
        return Batch(
            types=types,
            char_ids=(
                None if self._max_characters is None else self._types.char_rows(types, self._max_characters)
            ),
            word_ids=self.word_ids[types],
            inputs=tuple(part.reshape(shape) for part in np.split(places, len(windows))),
            targets=tuple(self.word_ids[window.targets] for window in windows),
            target_types=tuple(window.targets for window in windows),
            is_real=windows[0].is_real,
            sentences=sentences,
        )


class SentenceOrder:
    """The sentences of a text, epoch after epoch, each epoch in a new order.

    The order depends on ``seed`` and the epoch alone; a position in it is two numbers.

    Args:
        corpus: the text.
        shuffle: draw a new order each epoch; otherwise file order.
        keep_blank_lines: take empty lines for empty sentences, as bilm-tf does.
        seed: of the order.
    """

    def __init__(self, corpus: Corpus, *, shuffle: bool, keep_blank_lines: bool, seed: int) -> None:
        self._corpus = corpus
        self._shuffle = shuffle
        self._keep_blank_lines = keep_blank_lines
        self._seed = seed
        self._epoch = 0
        self._next_place = 0  # in the epoch's order
        self._order, self._order_start = np.empty(0, np.int64), 0  # a stretch of it, read ahead

    @property
    def num_predictions(self) -> int:
        """Targets in one epoch, per direction: every token and every sentence end."""
        lines = self._corpus.num_sentences + self._keep_blank_lines * self._corpus.num_blank_lines
        return self._corpus.num_tokens + lines

    def __next__(self) -> int:
        """The next sentence's place in the corpus."""
        num_lines = len(self._corpus.offsets) - 1
        while True:
            if self._next_place == num_lines:
                self._epoch, self._next_place = self._epoch + 1, 0
                self._order = np.empty(0, np.int64)
            ahead = self._next_place - self._order_start
            if not 0 <= ahead < len(self._order):
                end = min(self._next_place + _READ_AHEAD, num_lines)
                places = np.arange(self._next_place, end)
                if self._shuffle:
                    permutation = Permutation(num_lines, seed=self._seed, epoch=self._epoch)
                    places = permutation.values_at(places)
                self._order, self._order_start, ahead = places, self._next_place, 0
            sentence = int(self._order[ahead])
            self._next_place += 1
            if self._keep_blank_lines or self._corpus.length(sentence):
                return sentence

    def state_dict(self) -> dict[str, int]:
        """The exact position."""
        return {"epoch": self._epoch, "next_place": self._next_place}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a position."""
        self._epoch, self._next_place = state["epoch"], state["next_place"]
        self._order = np.empty(0, np.int64)


class TrainingStream:
    """Endless batches for training: every epoch all sentences once, in a new order.

    The position is exactly resumable with :meth:`state_dict`. The order depends on ``seed`` and the
    epoch alone. Without ``shuffle`` the sentences come in file order, as in bilm-tf; with it both
    directions share one order (bilm-tf draws two), so that they share their word types as well.

    Where the corpus is one with replayed text, lanes take a sentence of that whenever its share of the
    predictions so far is below ``replay_share``.

    Args:
        corpus: the training text.
        maker: makes the batches.
        batch_size: B lanes.
        unroll_steps: T steps.
        bidirectional: read backward too.
        shuffle: draw a new order each epoch.
        keep_blank_lines: take empty lines for empty sentences, as bilm-tf does.
        seed: of the order.
        replay_share: of the predictions.

    Raises:
        CorpusError: when there are fewer sentences than lanes.
    """

    def __init__(
        self,
        corpus: Corpus | CorpusWithReplay,
        maker: BatchMaker,
        *,
        batch_size: int,
        unroll_steps: int,
        bidirectional: bool,
        shuffle: bool,
        keep_blank_lines: bool,
        seed: int,
        replay_share: float = 0.0,
    ) -> None:
        new_text = corpus.new_text if isinstance(corpus, CorpusWithReplay) else corpus
        if new_text.num_sentences < batch_size:
            raise CorpusError(
                f"{', '.join(new_text.sources[:3])}: {new_text.num_sentences} sentences are too few for "
                f"batch_size={batch_size}: expected at least one sentence per lane; lower batch_size"
            )
        self._corpus = corpus
        self._maker = maker
        self._unroll_steps = unroll_steps
        self._lanes = Lanes(corpus, batch_size, bidirectional=bidirectional)

        def order_of(text: Corpus) -> SentenceOrder:
            return SentenceOrder(text, shuffle=shuffle, keep_blank_lines=keep_blank_lines, seed=seed)

        self._order = order_of(new_text)
        self._replay_order = (
            order_of(corpus.old_text) if isinstance(corpus, CorpusWithReplay) and replay_share else None
        )
        self._replay_share = replay_share
        self._num_queued, self._num_replayed = 0, 0  # predictions of the sentences taken so far

    @property
    def num_predictions_per_epoch(self) -> int:
        """Targets in one pass over the new text, per direction; what is replayed meanwhile included."""
        if self._replay_order is None:
            return self._order.num_predictions
        return round(self._order.num_predictions / (1 - self._replay_share))

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self._maker.make(*self._lanes.read(self._unroll_steps, self._next_sentence))

    def _next_sentence(self, lane: int) -> int:
        if self._replay_order is None:
            return next(self._order)
        assert isinstance(self._corpus, CorpusWithReplay)
        replays = self._num_replayed < self._replay_share * self._num_queued
        sentence = self._corpus.place_of_old(next(self._replay_order)) if replays else next(self._order)
        num_predictions = self._corpus.length(sentence) + 1
        self._num_queued += num_predictions
        self._num_replayed += replays * num_predictions
        return sentence

    def state_dict(self) -> dict[str, Any]:
        """The exact position, as plain numbers."""
        state = {"order": self._order.state_dict(), "lanes": self._lanes.state_dict()}
        if self._replay_order is not None:
            state["replay"] = {
                "order": self._replay_order.state_dict(),
                "num_queued": self._num_queued,
                "num_replayed": self._num_replayed,
            }
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a position of the same corpus, batch size and seed."""
        self._order.load_state_dict(state["order"])
        self._lanes.load_state_dict(state["lanes"])
        if self._replay_order is not None:
            replay = state["replay"]
            self._replay_order.load_state_dict(replay["order"])
            self._num_queued, self._num_replayed = replay["num_queued"], replay["num_replayed"]


def every_token_once(
    corpus: Corpus,
    maker: BatchMaker,
    *,
    num_lanes: int,
    num_steps: int,
    num_warm_up: int,
    bidirectional: bool,
) -> Iterator[Batch]:
    """Batches in which every token of a text is a target exactly once.

    The text is cut into ``num_lanes`` stretches of about as many tokens, in its own order, one for
    each lane. A lane starts ``num_warm_up`` tokens or a little more before its stretch, so that its
    state is what it would be had the text been read in one go: a state of zero is foreign to a model
    that was trained with carried state. ``is_real`` marks the targets that count. Blank lines are
    skipped.
    """
    # The line in which each lane's share begins.
    shares = np.linspace(0, corpus.num_tokens, num_lanes + 1)
    starts = np.searchsorted(corpus.offsets[:-1], shares, side="left")
    starts[0], starts[-1] = 0, len(corpus.offsets) - 1
    warm_up_tokens = np.maximum(corpus.offsets[starts[:-1]] - num_warm_up, 0)
    warm_ups = np.searchsorted(corpus.offsets, warm_up_tokens, side="right") - 1
    queues = [iter(range(warm_ups[lane], starts[lane + 1])) for lane in range(num_lanes)]

    def next_sentence(lane: int) -> int | None:
        return next((k for k in queues[lane] if corpus.offsets[k] < corpus.offsets[k + 1]), None)

    lanes = Lanes(corpus, num_lanes, bidirectional=bidirectional, first_counted=starts[:-1].tolist())
    while True:
        windows, sentences = lanes.read(num_steps, next_sentence)
        if not sentences:  # all lanes have run dry
            return
        yield maker.make(windows, sentences)


def bilm_test_stream(
    corpus: Corpus, maker: BatchMaker, *, batch_size: int, bidirectional: bool
) -> Iterator[Batch]:
    """The batches of bilm-tf's ``test()``: one step each, and everything dropped once a lane runs dry.

    Lanes take sentences from one queue in file order, blank lines included.
    """
    queue = iter(range(len(corpus.offsets) - 1))
    lanes = Lanes(corpus, batch_size, bidirectional=bidirectional)
    while True:
        windows, sentences = lanes.read(1, lambda lane: next(queue, None))
        if not windows[0].is_real.all():
            return
        yield maker.make(windows, sentences)
