"""The unit vectors of a text: in context for every token, without context for every word."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elmokit.data.corpus import Corpus
from elmokit.data.word_types import NUM_BOUNDARY_TYPES
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ElmokitError
from elmokit.neighbors.content import Layer
from elmokit.neighbors.cosine import UNIT_TYPE, unit_vectors


def contextual_units(
    embedder: ElmoEmbedder, corpus: Corpus, layer: Layer, batch_size: int
) -> Iterator[np.ndarray]:
    """Yield the contextual unit vectors (n_tokens, D) of each line of a text.

    Raises:
        ElmokitError: if a vector is not finite.
    """
    lines = (corpus.words(line) for line in range(corpus.num_lines))
    for line, vectors in enumerate(embedder.iter_embed(lines, layer, batch_size=batch_size)):
        if not np.isfinite(vectors).all():
            raise ElmokitError(
                f"sentence {line} of the text (counted from 0): its vectors contain NaN or infinity: "
                f"{embedder.pretrained.source} is damaged or cannot represent such words"
            )
        yield unit_vectors(vectors).astype(UNIT_TYPE)


def word_units(embedder: ElmoEmbedder, corpus: Corpus) -> np.ndarray:
    """Return the context-free unit vectors (num_types, P) of the words of a text."""
    words = (corpus.types.word(type_id) for type_id in range(NUM_BOUNDARY_TYPES, len(corpus.types)))
    chunks = [unit_vectors(vectors).astype(UNIT_TYPE) for vectors in embedder.encode_chunks(words)]
    return np.concatenate(chunks)
