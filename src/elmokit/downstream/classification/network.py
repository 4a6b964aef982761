"""The network of a text classifier: word vectors, an encoder of the text, and an output per label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from elmokit.downstream.bilstm import run_bilstm
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.features import FeatureBatch
from elmokit.downstream.input_layer import InputLayer


class PooledEncoder(nn.Module):
    """Mean and maximum over the words, and a hidden layer.

    Args:
        input_dim: width D of a word vector.
        hidden_dim: width of the hidden layer.
        dropout: dropout rate of the pooled vector.
    """

    def __init__(self, input_dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.output_dim = hidden_dim
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(2 * input_dim, hidden_dim)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return (B, hidden_dim) for vectors (B, T, D) and their mask (B, T); without words both are zero."""
        places = mask.unsqueeze(-1)  # (B, T, 1)
        mean = (vectors * places).sum(dim=1) / places.sum(dim=1).clamp(min=1)
        largest = vectors.masked_fill(~places, -torch.inf).amax(dim=1)
        largest = largest.masked_fill(~mask.any(dim=1, keepdim=True), 0.0)
        return torch.relu(self.hidden(self.dropout(torch.cat([mean, largest], dim=-1))))


class BiLSTMEncoder(nn.Module):
    """A bidirectional LSTM with additive attention over its outputs (Zhou et al. 2016).

    Args:
        input_dim: width D of a word vector.
        hidden_dim: width of each direction.
        dropout: dropout rate of the word vectors.
    """

    def __init__(self, input_dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.output_dim = 2 * hidden_dim
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(input_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(self.output_dim, 1, bias=False)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return (B, 2 hidden_dim) for vectors (B, T, D) with their mask (B, T)."""
        mask = mask.clone()
        mask[:, 0] = True  # a text without words is one word with the vector zero
        states = run_bilstm(self.lstm, self.dropout(vectors), mask)  # (B, T, 2H)
        scores = self.attention(torch.tanh(states)).squeeze(-1)  # (B, T)
        weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=1)
        return torch.tanh((weights.unsqueeze(-1) * states).sum(dim=1))


class ClassifierNetwork(nn.Module):
    """From a batch of sentences to a score per label.

    Args:
        embeddings: what the sentences are read through.
        num_labels: number K of labels.
        settings: see :class:`ClassifierSettings`.
    """

    def __init__(
        self, embeddings: Sequence[TokenEmbedding], num_labels: int, settings: ClassifierSettings
    ) -> None:
        super().__init__()
        self.inputs = InputLayer(embeddings, fine_tune=settings.fine_tune)
        kind = BiLSTMEncoder if settings.encoder == "bilstm" else PooledEncoder
        self.encoder = kind(self.inputs.dim, settings.hidden_dim, settings.dropout)
        self.dropout = nn.Dropout(settings.dropout)
        self.outputs = nn.Linear(self.encoder.output_dim, num_labels)

    if TYPE_CHECKING:

        def __call__(self, batch: FeatureBatch) -> Tensor:
            """Run :meth:`forward`; nn.Module declares that a call returns Any."""

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return the logits (B, K)."""
        scores: Tensor = self.outputs(self.dropout(self.encoder(self.inputs(batch), batch.mask)))
        return scores
