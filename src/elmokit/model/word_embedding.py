"""Token vectors by word id, for biLMs without characters."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WordEmbedding(nn.Module):
    """Token vectors by word id, for biLMs without characters.

    Args:
        num_words: V.
        dim: P.
        sparse_gradient: whether the gradient has only the rows of the words that occurred.
    """

    def __init__(self, num_words: int, dim: int, *, sparse_gradient: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_words, dim))
        self.sparse_gradient = sparse_gradient

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot-uniform, the default of the original's framework."""
        with torch.no_grad():
            nn.init.xavier_uniform_(self.weight, generator=generator)

    def forward(self, word_ids: Tensor) -> Tensor:
        """(U,) word ids to (U, P)."""
        return F.embedding(word_ids, self.weight, sparse=self.sparse_gradient)
