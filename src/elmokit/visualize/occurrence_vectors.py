"""Contextual vectors of word occurrences."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from elmokit.arguments import checked
from elmokit.data.occurrences import Occurrence
from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.errors import ConfigError


@checked
def embed_occurrences(
    embedder: ElmoEmbedder,
    occurrences: Sequence[Occurrence],
    layers: Layers = "all",
    *,
    on_sentences: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Embed occurrences of words in their sentences.

    Only the sentences of these occurrences are embedded, and only their vectors are kept in memory.

    Args:
        embedder: the model.
        occurrences: N of them, at least one, grouped by sentence.
        layers: as in :meth:`ElmoEmbedder.embed`.
        on_sentences: called with the number of sentences embedded so far and their total number.

    Returns:
        (L, N, D) for all layers, else (N, D); float32.

    Raises:
        ConfigError: if the model has no such layer, or there are no occurrences.
    """
    if not len(occurrences):
        raise ConfigError("occurrences: expected at least one, got none")
    sentences = [
        list(group)
        for _, group in itertools.groupby(occurrences, key=lambda occurrence: occurrence.sentence_index)
    ]
    embedded = embedder.iter_embed((group[0].sentence for group in sentences), layers)
    kept: list[np.ndarray] = []
    for group, vectors in zip(sentences, embedded, strict=True):
        kept.append(vectors[..., [occurrence.position for occurrence in group], :])
        if on_sentences is not None:
            on_sentences(len(kept), len(sentences))
    return np.concatenate(kept, axis=-2)
