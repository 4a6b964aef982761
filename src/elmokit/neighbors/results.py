"""What a search finds: occurrences in context, and words without context."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NamedTuple

from elmokit.data.occurrences import Occurrence


class Neighbor(NamedTuple):
    """An occurrence of a word, and the cosine similarity of its vector to the query."""

    occurrence: Occurrence
    similarity: float

    @property
    def use(self) -> Occurrence:
        """Deprecated name of ``occurrence``."""
        warnings.warn("Neighbor.use is deprecated: use occurrence", DeprecationWarning, stacklevel=2)
        return self.occurrence


class SimilarWord(NamedTuple):
    """A word, and the cosine similarity of its context-free vector to the query."""

    word: str
    similarity: float


@dataclass(frozen=True)
class Nearest:
    """What is nearest to a word in its sentence."""

    query: Occurrence
    """The word in its sentence."""
    occurrences: list[Neighbor]
    """Nearest words in context, nearest first."""
    words: list[SimilarWord]
    """Nearest words without context, nearest first."""

    def __repr__(self) -> str:
        return (
            f"Nearest({self.query.word!r}, {len(self.occurrences)} occurrences, "
            f"{len(self.words)} words{'' if not self.words else f', nearest {self.words[0].word!r}'})"
        )

    @property
    def uses(self) -> list[Neighbor]:
        """Deprecated name of ``occurrences``."""
        warnings.warn("Nearest.uses is deprecated: use occurrences", DeprecationWarning, stacklevel=2)
        return self.occurrences
