"""The order in which training reads the sentences of a text."""

from __future__ import annotations

import numpy as np

from elmokit.data.corpus import Corpus
from elmokit.data.shuffle import Permutation


class SentenceOrder:
    """Iterates over the sentences of a text, epoch after epoch, each epoch in a new order.

    The order depends only on ``seed`` and the epoch, and a position in it is two numbers.

    Args:
        corpus: The text.
        shuffle: Draw a new order for each epoch; otherwise use the order of the text.
        keep_blank_lines: Treat blank lines as empty sentences, as bilm-tf does; otherwise skip them.
        seed: Seed of the order.
        read_ahead: Number of positions of the order computed at a time.
    """

    def __init__(
        self, corpus: Corpus, *, shuffle: bool, keep_blank_lines: bool, seed: int, read_ahead: int = 4096
    ) -> None:
        self._corpus = corpus
        self._num_lines = corpus.num_lines
        self._shuffle = shuffle
        self._keep_blank_lines = keep_blank_lines
        self._seed = seed
        self._read_ahead = read_ahead
        self._epoch = 0
        self._next_position = 0  # in the epoch's order
        # The part of the order that was computed last, and whether each of its sentences has tokens.
        self._order: list[tuple[int, bool]] = []
        self._order_start = 0

    @property
    def num_predictions(self) -> int:
        """Number of targets in one epoch, per direction: every token and every sentence end."""
        lines = self._corpus.num_sentences + self._keep_blank_lines * self._corpus.num_blank_lines
        return self._corpus.num_tokens + lines

    def __next__(self) -> int:
        """Return the index of the next sentence in the corpus."""
        while True:
            if self._next_position == self._num_lines:
                self._epoch, self._next_position = self._epoch + 1, 0
                self._order = []
            ahead = self._next_position - self._order_start
            if not 0 <= ahead < len(self._order):
                end = min(self._next_position + self._read_ahead, self._num_lines)
                positions = np.arange(self._next_position, end)
                if self._shuffle:
                    permutation = Permutation(self._num_lines, seed=self._seed, epoch=self._epoch)
                    positions = permutation.values_at(positions)
                offsets = self._corpus.offsets
                has_tokens = offsets[positions] < offsets[positions + 1]
                self._order = list(zip(positions.tolist(), has_tokens.tolist(), strict=True))
                self._order_start, ahead = self._next_position, 0
            sentence, has_tokens_or_not = self._order[ahead]
            self._next_position += 1
            if has_tokens_or_not or self._keep_blank_lines:
                return sentence

    def state_dict(self) -> dict[str, int]:
        """Return the exact position."""
        return {"epoch": self._epoch, "next_place": self._next_position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from a position."""
        self._epoch, self._next_position = state["epoch"], state["next_place"]
        self._order = []
