"""The data of a neighbor index: a text, its vectors and their clusters."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from elmokit.data.corpus import Corpus
from elmokit.neighbors.clusters import Clusters

Layer: TypeAlias = Literal["top", "average"] | int


class IndexContent(NamedTuple):
    """The content of an index, in memory or mapped from its files."""

    layer: Layer
    """``average``, or the number of a layer from 0."""
    corpus: Corpus
    """The text."""
    vectors: np.ndarray
    """(num_tokens, D) contextual unit vectors, in text order."""
    word_vectors: np.ndarray
    """(num_types, P) context-free unit vectors of all types except the sentence boundaries."""
    clusters: Clusters | None = None
    """Clusters of ``vectors``; None if every search reads all vectors."""
    checksums: np.ndarray | None = None
    """(num_tokens,) checksums of ``vectors``, to compare when they are read; None if they need not be."""
