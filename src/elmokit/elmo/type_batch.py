"""Sentences as rows of a table of word types."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class TypeBatch(NamedTuple):
    """A batch of B sentences without markers, as rows of a table of word types."""

    vectors: Tensor
    """(U, P) token vectors of the types: the begin marker, the end marker, then the words."""
    rows: Tensor
    """(M,) row of ``vectors`` of each word, sentence after sentence."""
    lengths: Tensor
    """(B,) number of words of each sentence."""
    num_steps: int
    """T, at least the length of the longest sentence."""
    outer_shape: tuple[int, ...]
    """Dimensions of the input before T; their product is B."""

    def with_markers(self) -> tuple[Tensor, Tensor]:
        """Add the sentence markers.

        Returns:
            The row (M + 2B,) of each word and marker, sentence after sentence, and a mask (B, T + 2), True
            at words and markers.
        """
        device = self.vectors.device
        num_sentences = len(self.lengths)
        steps = torch.arange(self.num_steps + 2, device=device)
        mask = steps < self.lengths[:, None] + 2  # (B, T + 2)
        ends = self.lengths + 1
        is_word = (steps > 0) & (steps < ends[:, None])
        padded = torch.zeros(num_sentences, self.num_steps + 2, dtype=torch.int64, device=device)
        # The begin marker is row 0 of the table, the end marker row 1.
        padded[torch.arange(num_sentences, device=device), ends] = 1
        padded[is_word] = self.rows
        return padded[mask], mask
