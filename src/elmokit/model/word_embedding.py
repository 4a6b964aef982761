"""The token encoder of biLMs without characters: word embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WordEmbedding(nn.Module):
    """Word embeddings as the token encoder.

    Args:
        num_words: V.
        dim: P.
        sparse: whether the gradient is a sparse tensor with only the rows of words that occurred.
    """

    def __init__(self, num_words: int, dim: int, *, sparse: bool = True) -> None:
        super().__init__()
        self.sparse = sparse
        self.weight = nn.Parameter(torch.empty(num_words, dim))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize with the Glorot-uniform distribution, TensorFlow's default."""
        with torch.no_grad():
            nn.init.xavier_uniform_(self.weight, generator=generator)

    def forward(self, word_ids: Tensor) -> Tensor:
        """Return the vectors (U, P) of word ids (U,)."""
        return F.embedding(word_ids, self.weight, sparse=self.sparse)
