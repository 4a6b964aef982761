"""Sentences as rows of a table of word types."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class TypeBatch(NamedTuple):
    """A batch of B sentences without markers, as rows of a table of word types."""

    vectors: Tensor
    """(U, P) token vectors of the types: the begin marker, the end marker, then the words."""
    rows: Tensor
    """(M,) row of ``vectors`` of each word, sentence after sentence."""
    mask: Tensor
    """(B, T) bool, True where a sentence has a word. Padding may be behind, before and between the words."""
    outer_shape: tuple[int, ...]
    """Dimensions of the input before T; their product is B."""

    def with_markers(self) -> tuple[Tensor, Tensor]:
        """Add the sentence markers.

        Returns:
            The row (M + 2B,) of each word and marker, sentence after sentence, and a mask (B, T + 2), True
            at words and markers. The markers are next to the first and the last word.
        """
        words = F.pad(self.mask, (1, 1))  # (B, T + 2)
        num_steps = words.shape[1]
        steps = torch.arange(num_steps, device=words.device)
        has_words = words.any(dim=1)
        begins = torch.where(words, steps, num_steps).amin(dim=1).sub(1).where(has_words, 0)
        ends = torch.where(words, steps, 0).amax(dim=1) + 1
        is_begin, is_end = steps == begins[:, None], steps == ends[:, None]
        # The begin marker is row 0 of the table, the end marker row 1.
        rows = is_end.long()
        rows[words] = self.rows
        mask = words | is_begin | is_end
        return rows[mask], mask
