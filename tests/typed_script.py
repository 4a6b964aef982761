"""A user's script whose types mypy checks, and which the tests run."""

from __future__ import annotations

from typing import assert_type

import numpy as np
import torch
from torch import Tensor, nn

from elmokit import Elmo, ElmoEmbedder, LanguageModel, batch_to_ids
from elmokit.elmo import ElmoOutput
from elmokit.language_model import SentenceScore


class Tagger(nn.Module):
    """A tagger on top of the layer."""

    def __init__(self, elmo: Elmo, num_tags: int) -> None:
        super().__init__()
        self.elmo = elmo
        self.tags = nn.Linear(elmo.get_output_dim(), num_tags)

    def forward(self, sentences: list[list[str]]) -> Tensor:
        """Return the scores (B, T, num_tags) of the tags."""
        output = self.elmo(sentences)
        assert_type(output, ElmoOutput)
        assert_type(output["mask"], Tensor)
        (representation,) = output["elmo_representations"]
        assert_type(representation, Tensor)
        scores: Tensor = self.tags(representation)
        return scores


def main() -> None:
    """Call what a user calls."""
    sentences = [["the", "cat"], ["a"]]
    embedder = ElmoEmbedder.load("tiny-en")
    assert_type(embedder.embed(sentences, pooling="mean"), list[np.ndarray])
    assert_type(embedder.embed(np.array(["the cat", "a"]), layers="top"), list[np.ndarray])
    assert_type(batch_to_ids(sentences), Tensor)
    assert_type(next(LanguageModel.load("tiny-en").score(["the cat"])), SentenceScore)
    tagger = Tagger(Elmo.from_pretrained("tiny-en"), num_tags=3)
    assert tagger(sentences).shape == torch.Size([2, 2, 3])
    assert tagger.elmo(batch_to_ids(sentences))["mask"].sum() == 3


if __name__ == "__main__":
    main()
