"""The vectors of words in their sentences, and of whole sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.words.tables import Occurrence

_SENTENCES_PER_CHUNK = 256


def occurrence_vectors(
    embeddings: Sequence[TokenEmbedding],
    occurrences: Sequence[Occurrence],
    *,
    on_sentences: Callable[[int], object] = lambda number: None,
) -> list[np.ndarray]:
    """Return the vectors of words in context; those of a sentence are the mean over its words.

    Args:
        embeddings: the embeddings.
        occurrences: N words or sentences.
        on_sentences: called with the number of sentences that have just been embedded.

    Returns:
        One float32 array (N, L, D) per embedding.
    """
    found = [np.zeros((len(occurrences), own.num_layers, own.dim), np.float32) for own in embeddings]
    for start in range(0, len(occurrences), _SENTENCES_PER_CHUNK):
        chunk = occurrences[start : start + _SENTENCES_PER_CHUNK]
        for own, embedding in zip(found, embeddings, strict=True):
            vectors = embedding.vectors([occurrence.tokens for occurrence in chunk])
            for row, (occurrence, values) in enumerate(zip(chunk, vectors, strict=True), start=start):
                own[row] = (
                    values.mean(axis=0, dtype=np.float64)
                    if occurrence.position is None
                    else values[occurrence.position]
                )
        on_sentences(len(chunk))
    return found


def layers_of(vectors: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return each layer of each embedding as unit vectors (N, D)."""
    return [unit(own[:, layer]) for own in vectors for layer in range(own.shape[1])]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (…, D) scaled to length 1; zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: np.ndarray = vectors / np.where(norms > 0, norms, 1)
    return scaled
