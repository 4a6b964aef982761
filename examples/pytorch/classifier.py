"""A classifier on ELMo, the same module for the plain loop and for Lightning."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import elmokit


class Classifier(nn.Module):
    """The mean and maximum of the vectors of a sentence, and a linear layer."""

    def __init__(self, model: str = "tiny-en") -> None:
        super().__init__()
        self.elmo = elmokit.Elmo.from_pretrained(model, dropout=0.3, do_layer_norm=True)
        self.output = nn.Linear(2 * self.elmo.get_output_dim(), 1)

    def forward(self, ids: Tensor) -> Tensor:
        """Return a logit (B,) for each sentence."""
        output = self.elmo(ids)
        (vectors,), mask = (
            output["elmo_representations"],
            output["mask"].unsqueeze(-1),
        )  # (B, T, D), (B, T, 1)
        mean = vectors.sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        largest = vectors.masked_fill(~mask, -torch.inf).amax(dim=1)
        return self.output(torch.cat([mean, largest], dim=-1)).squeeze(-1)

    def parameter_groups(self, lr: float = 3e-3) -> list[dict[str, object]]:
        """Return what is trained: the few weights of the mixture learn ten times as fast."""
        trained = [(name, p) for name, p in self.named_parameters() if p.requires_grad]
        return [
            {"params": [p for name, p in trained if "scalar_mix" not in name], "lr": lr},
            {"params": [p for name, p in trained if "scalar_mix" in name], "lr": 10 * lr},
        ]
