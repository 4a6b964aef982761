"""The packed layout of sentences of different lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def round_up(count: int, multiple: int) -> int:
    """Return the smallest multiple of ``multiple`` that is at least ``count``."""
    return -(-count // multiple) * multiple


class Packing:
    """Maps the M words of sentences to positions in the packed layout of :class:`~elmokit.batch.Batch`.

    Args:
        lengths: lengths of the sentences.
        tile: the number of rows at each step is rounded up to a multiple of this. The extra rows read the
            first word and their outputs are ignored. Their states are meaningless, so a run that carries
            state needs ``tile=1``.
    """

    def __init__(self, lengths: Sequence[int], *, tile: int) -> None:
        num_rows, num_words = len(lengths), sum(lengths)
        self.order = np.array(sorted(range(num_rows), key=lambda row: lengths[row], reverse=True))
        """(B,) index of the sentence in each row, longest first."""
        sorted_lengths = np.array(lengths)[self.order]
        starts = (np.cumsum(lengths) - lengths)[self.order]
        steps = np.arange(sorted_lengths[0])[:, None]  # (T, 1)
        is_word = steps < sorted_lengths  # (T, B)
        self.batch_sizes = [round_up(int(count), tile) for count in is_word.sum(axis=1)]
        """Number of rows at each step."""
        packed_starts = np.cumsum(self.batch_sizes) - self.batch_sizes
        positions = (packed_starts[:, None] + np.arange(num_rows))[is_word]
        self.words: list[np.ndarray] = []
        """One (N,) array per direction: the word at each packed position."""
        self.positions_of: list[np.ndarray] = []
        """One (M,) array per direction: the packed position of each word."""
        for word_at in (starts + steps, starts + sorted_lengths - 1 - steps):  # (T, B)
            words = np.zeros(sum(self.batch_sizes), dtype=np.int64)
            words[positions] = word_at[is_word]
            positions_of = np.empty(num_words, dtype=np.int64)
            positions_of[word_at[is_word]] = positions
            self.words.append(words)
            self.positions_of.append(positions_of)
