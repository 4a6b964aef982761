"""From the vectors of the embeddings to one vector per token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from elmokit.downstream.embeddings.elmo import ElmoEmbedding
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.features import FeatureBatch
from elmokit.elmo import Elmo
from elmokit.model.scalar_mix import ScalarMix


class InputLayer(nn.Module):
    """Mixes the layers of each embedding (Peters et al. 2018, equation 1) and joins the mixtures.

    Args:
        embeddings: the embeddings.
        fine_tune: train the biLMs too; see :class:`~elmokit.downstream.features.Features`.
    """

    def __init__(self, embeddings: Sequence[TokenEmbedding], *, fine_tune: bool = False) -> None:
        super().__init__()
        self.dim = sum(embedding.dim for embedding in embeddings)
        """Width of the joined vectors."""
        self.parts = nn.ModuleList(_part(embedding, fine_tune) for embedding in embeddings)

    if TYPE_CHECKING:

        def __call__(self, batch: FeatureBatch) -> Tensor:
            """Run :meth:`forward`; nn.Module declares that a call returns Any."""

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return the vectors (B, T, D) of a batch, zero at padding."""
        joined = []
        for part, vectors in zip(self.parts, batch.vectors, strict=True):
            if vectors is None:
                own = part([list(sentence) for sentence in batch.sentences])["elmo_representations"][0]
                own = nn.functional.pad(own, (0, 0, 0, batch.mask.shape[1] - own.shape[1]))
            elif isinstance(part, ScalarMix):
                own = part(vectors.unbind(dim=2))
            else:
                own = vectors.squeeze(2)
            joined.append(own)
        return torch.cat(joined, dim=-1) * batch.mask.unsqueeze(-1)

    def mixing_weights(self) -> list[list[float] | None]:
        """Return for each embedding the weights of its layers, which sum to 1; None for a table of words."""
        return [
            None if mix is None else [float(weight) for weight in mix.weights.detach()]
            for mix in map(_mix, self.parts)
        ]


def _part(embedding: TokenEmbedding, fine_tune: bool) -> nn.Module:
    if fine_tune and isinstance(embedding, ElmoEmbedding):
        return Elmo(
            pretrained=embedding.embedder.pretrained,
            num_output_representations=1,
            requires_grad=True,
            dropout=0.0,
        )
    return ScalarMix(embedding.num_layers) if embedding.num_layers > 1 else nn.Identity()


def _mix(part: nn.Module) -> ScalarMix | None:
    if isinstance(part, Elmo):
        return part.scalar_mixes[0]
    return part if isinstance(part, ScalarMix) else None
