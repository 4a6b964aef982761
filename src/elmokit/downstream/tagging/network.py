"""The biLSTM-CRF (Huang et al. 2015; Peters et al. 2018), which reads any embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from elmokit.downstream.bilstm import run_bilstm
from elmokit.downstream.crf import LinearChainCRF
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.features import FeatureBatch
from elmokit.downstream.input_layer import InputLayer
from elmokit.downstream.tagging.settings import TaggerSettings
from elmokit.downstream.tagging.spans import Scheme, constraints_of
from elmokit.errors import ConfigError


class TaggerNetwork(nn.Module):
    """Mixed embeddings → biLSTM → a score for each tag → CRF.

    Args:
        embeddings: what it reads its text through.
        tags: the K tags, in the order of their indexes.
        scheme: that of the tags, whose invalid sequences get no probability; None to allow all.
        settings: sizes and options.

    Raises:
        ConfigError: if ELMo is to be added to the output and there is none, or it is fine-tuned.
    """

    def __init__(
        self,
        embeddings: Sequence[TokenEmbedding],
        tags: Sequence[str],
        scheme: Scheme | None,
        settings: TaggerSettings,
    ) -> None:
        super().__init__()
        self.inputs = InputLayer(embeddings, fine_tune=settings.fine_tune)
        self.encoder = nn.LSTM(
            self.inputs.dim,
            settings.hidden_dim,
            settings.num_layers,
            batch_first=True,
            bidirectional=True,
            dropout=settings.dropout if settings.num_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(settings.dropout)
        self._contextual = [number for number, own in enumerate(embeddings) if own.is_contextual]
        self.outputs = _output_layer(embeddings, settings) if settings.elmo_at_output else None
        width = 2 * settings.hidden_dim + (0 if self.outputs is None else self.outputs.dim)
        self.emissions = nn.Linear(width, len(tags))
        self.crf = LinearChainCRF(len(tags), None if scheme is None else constraints_of(tags, scheme))

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return the score (B, T, K) of each tag at each token."""
        vectors = self.dropout(self.inputs(batch))  # (B, T, D)
        states = run_bilstm(self.encoder, vectors, batch.mask)
        if self.outputs is not None:
            own = replace(batch, vectors=[batch.vectors[number] for number in self._contextual])
            states = torch.cat([states, self.outputs(own)], dim=-1)
        scores: Tensor = self.emissions(self.dropout(states))
        return scores

    def loss(self, batch: FeatureBatch, tags: Tensor) -> Tensor:
        """Return the average negative log-probability of a sentence's tags (B, T)."""
        log_probabilities: Tensor = self.crf(self(batch), tags, batch.mask)
        return -log_probabilities.mean()

    def mixing_weights(self) -> dict[str, list[list[float] | None]]:
        """Return the weights of each embedding's layers, at the input and, if it is used, at the output."""
        found = {"input": self.inputs.mixing_weights()}
        if self.outputs is not None:
            found["output"] = self.outputs.mixing_weights()
        return found


def _output_layer(embeddings: Sequence[TokenEmbedding], settings: TaggerSettings) -> InputLayer:
    contextual = [embedding for embedding in embeddings if embedding.is_contextual]
    if not contextual:
        names = "+".join(embedding.name for embedding in embeddings)
        raise ConfigError(f"elmo_at_output: needs an embedding elmo:MODEL, got {names}")
    if settings.fine_tune:
        raise ConfigError("elmo_at_output: a biLM that is fine-tuned is read at the input only: choose one")
    return InputLayer(contextual)
