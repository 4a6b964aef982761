"""Typed sentences with everything that is known about their words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from elmokit.data.occurrences import Occurrence, find_occurrences
from elmokit.embedder import ElmoEmbedder
from elmokit.explorer.typed_text import Sentences
from elmokit.language_model import LanguageModel
from elmokit.visualize.occurrence_vectors import embed_occurrences

Direction: TypeAlias = Literal["forward", "backward", "mean"]


@dataclass(frozen=True)
class ExploredText:
    """Typed sentences, and the vectors and the surprisal of each of their words."""

    occurrences: list[Occurrence]
    """The N words, in text order."""
    layers: np.ndarray
    """(L, N, D) float32."""
    surprisal: Mapping[Direction, np.ndarray]
    """−ln p of each word, (N,): only forward for a forward model, empty without a language model."""
    is_unknown: list[bool]
    """Whether each word is outside the vocabulary; all false without a language model."""

    @property
    def default_index(self) -> int:
        """The word to select first: the longest one that occurs more than once, else the longest."""
        words = [occurrence.word.casefold() for occurrence in self.occurrences]
        frequency = Counter(words)
        return max(range(len(words)), key=lambda k: (frequency[words[k]] > 1, len(words[k]), -k))


def explore_text(
    embedder: ElmoEmbedder, language_model: LanguageModel | None, sentences: Sentences
) -> ExploredText:
    """Embed and score sentences, which have at least one token together.

    Raises:
        ElmokitError: if the model cannot process them.
    """
    occurrences = find_occurrences(sentences)
    surprisal: dict[Direction, np.ndarray] = {}
    is_unknown = [False] * len(occurrences)
    if language_model is not None:
        scores = list(language_model.score(sentences))
        is_unknown = [unknown for score in scores for unknown in score.is_unknown]
        # Forward scores end with the end of the sentence, backward scores start with its start.
        surprisal["forward"] = -np.concatenate([score.forward[:-1] for score in scores])
        backward = [score.backward[1:] for score in scores if score.backward is not None]
        if backward:
            surprisal["backward"] = -np.concatenate(backward)
            surprisal["mean"] = (surprisal["forward"] + surprisal["backward"]) / 2
    return ExploredText(occurrences, embed_occurrences(embedder, occurrences), surprisal, is_unknown)
