"""The order in which the sentences of a text are read in training."""

from __future__ import annotations

import numpy as np

from elmokit.data.corpus import Corpus
from elmokit.data.shuffle import Permutation

_READ_AHEAD = 4096  # positions of the shuffled order computed at a time


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
        self._next_position = 0  # in the epoch's order
        self._order, self._order_start = np.empty(0, np.int64), 0  # a stretch of it, read ahead

    @property
    def num_predictions(self) -> int:
        """Targets in one epoch, per direction: every token and every sentence end."""
        lines = self._corpus.num_sentences + self._keep_blank_lines * self._corpus.num_blank_lines
        return self._corpus.num_tokens + lines

    def __next__(self) -> int:
        """Return the index of the next sentence in the corpus."""
        num_lines = len(self._corpus.offsets) - 1
        while True:
            if self._next_position == num_lines:
                self._epoch, self._next_position = self._epoch + 1, 0
                self._order = np.empty(0, np.int64)
            ahead = self._next_position - self._order_start
            if not 0 <= ahead < len(self._order):
                end = min(self._next_position + _READ_AHEAD, num_lines)
                positions = np.arange(self._next_position, end)
                if self._shuffle:
                    permutation = Permutation(num_lines, seed=self._seed, epoch=self._epoch)
                    positions = permutation.values_at(positions)
                self._order, self._order_start, ahead = positions, self._next_position, 0
            sentence = int(self._order[ahead])
            self._next_position += 1
            if self._keep_blank_lines or self._corpus.length(sentence):
                return sentence

    def state_dict(self) -> dict[str, int]:
        """The exact position."""
        return {"epoch": self._epoch, "next_place": self._next_position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a position."""
        self._epoch, self._next_position = state["epoch"], state["next_place"]
        self._order = np.empty(0, np.int64)
