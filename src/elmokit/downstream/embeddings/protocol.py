"""What every embedding offers to downstream models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class TokenEmbedding(Protocol):
    """Vectors of the tokens of a sentence: those of each layer of a biLM, or those of a table of words."""

    @property
    def name(self) -> str:
        """The choice as it was written, such as ``elmo:small``."""

    @property
    def num_layers(self) -> int:
        """Number of layers L: 1 for a table; for a biLM with the token layer."""

    @property
    def dim(self) -> int:
        """Width D of a vector of one layer."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that the vectors depend on."""

    @property
    def is_contextual(self) -> bool:
        """Whether a word's vector depends on its sentence. Such vectors are worth keeping on disk."""

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Return the vectors of each sentence, float32 (T, L, D) for its T tokens."""
