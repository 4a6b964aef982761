"""Context-free vectors of many words, for the commands that write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from elmokit.embedder import ElmoEmbedder
from elmokit.pretrained import PretrainedModel

_CHUNK_WORDS = 2048


def encode_in_chunks(
    pretrained: PretrainedModel, words: Sequence[str], *, device: str = "auto"
) -> Iterator[np.ndarray]:
    """Token vectors, (·, P) float32 at a time, a row per word."""
    embedder = ElmoEmbedder(pretrained, device=device)
    for start in range(0, len(words), _CHUNK_WORDS):
        yield embedder.encode(words[start : start + _CHUNK_WORDS]).float().cpu().numpy()
