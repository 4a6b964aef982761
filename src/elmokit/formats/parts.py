"""The parts of a model that formats write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from elmokit.config import Config
from elmokit.data.lexicon import Lexicon
from elmokit.data.vocabulary import Vocabulary
from elmokit.formats.mixtures import Mixtures


@dataclass(frozen=True)
class ModelParts:
    """A model as plain data, to be written to files."""

    source: Path
    """Where the model comes from, for error messages."""
    config: Config
    num_words: int | None
    """V, the size of the softmax and of the word embeddings; None when it is unknown."""
    parameters: Mapping[str, Tensor]
    """By the names of :class:`~elmokit.model.bilm.BiLM`; tied weights only once."""
    vocabulary: Vocabulary | None
    lexicon: Lexicon | None
    """The characters and words of an ELMoForManyLangs model."""
    facts: Mapping[str, Any]
    """Facts about its training; see :class:`~elmokit.pretrained.PretrainedModel`."""
    mixtures: Mixtures | None = None
    """What an ELMo layer has learned on top of it."""

    @property
    def has_softmax(self) -> bool:
        """Whether the model can predict words."""
        return "softmax.bias" in self.parameters
