"""The content of a model's files as plain data, before a model is built from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from elmokit.config import Config
from elmokit.data.lexicon import Lexicon
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ElmokitError, ModelFileError
from elmokit.formats.mixtures import Mixtures


@dataclass(frozen=True)
class ReadRequest:
    """What to read, in addition to the path of the model."""

    options: Path | None = None
    """The ``options.json``; None to look for it beside the weights."""
    vocabulary: Path | None = None
    """The vocabulary, one word per line; None to look for it beside the weights."""
    optimizer: bool = False
    """Whether to read the optimizer's state as well, if the files have it."""

    @property
    def names_files(self) -> bool:
        """Whether it names files that are stored elsewhere."""
        return self.options is not None or self.vocabulary is not None


@dataclass(frozen=True)
class Layout:
    """The tensors that a format stores for a given configuration."""

    shapes: Mapping[str, tuple[int, ...]]
    """The shape of every tensor that must be present, by its name in the file."""
    convert: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    """Turns tensors of these names and shapes into the parameters of
    :class:`~elmokit.model.bilm.BiLM` by name."""

    def problem(self, name: str, shape: Sequence[int]) -> str | None:
        """Return why a stored tensor does not belong to this layout; None when it does."""
        if name not in self.shapes:
            return "unexpected"
        if tuple(shape) != self.shapes[name]:
            return f"shape {tuple(shape)}, expected {self.shapes[name]}"
        return None


@dataclass(frozen=True)
class StoredOptimizer:
    """The state of the optimizer after training."""

    kind: str
    """``adagrad``, ``adam`` or ``muon``."""
    num_updates: int
    slots: Mapping[str, Mapping[str, Tensor]]
    """What is stored for each parameter: slot (``sum``, ``first_moment``, ...) → name of the parameter in the
    file → values. They have the shapes of the layout."""
    suffixes: Mapping[str, str]
    """Slot → what its tensors are called in the file after the name of their parameter, e.g. ``/Adagrad``."""


@dataclass(frozen=True)
class StoredModel:
    """A model as its files hold it.

    Nothing in it has been checked against anything else: :func:`elmokit.pretrained.build` does that.
    """

    source: Path
    """The file or directory that holds the weights."""
    config: Config
    num_words: int | None
    """V, the size of the softmax and of the word embeddings; None when it is unknown."""
    tensors: Mapping[str, Tensor]
    """Weights by their names in the file. Where a model has several files, a name includes its file."""
    layout: Layout
    """What the configuration says the weights must be."""
    described_by: str = "its options.json"
    """Where the configuration comes from, completing the sentence "does not match ..."."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Tensors that are in the files but were not read, and why."""
    vocabulary: Vocabulary | None = None
    vocabulary_rows: list[int] | None = None
    """The row of each word of the vocabulary in the weights; None when it is the word's id."""
    vocabulary_problem: str | None = None
    """Why a vocabulary that was found is not used."""
    lexicon: Lexicon | None = None
    """The characters and words of an ELMoForManyLangs model."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts about its training; see :class:`~elmokit.pretrained.PretrainedModel`."""
    mixtures: Mixtures | None = None
    """What an ELMo layer has learned on top of it."""
    optimizer: StoredOptimizer | None = None
    weights_file: Path | None = None
    """What errors about tensors name instead of ``source``."""
    error: type[ElmokitError] = ModelFileError
    """The kind of error to raise when the weights do not match."""


class Format(Protocol):
    """A format that models are read from; its module has these names."""

    DESCRIPTION: str
    """What a model in this format is, for the message about a path that is no model."""
    HAS_SEPARATE_OPTIONS: bool
    """Whether options and vocabulary can be stored elsewhere and named in the request."""

    def matches(self, path: Path) -> bool:
        """Return whether there seems to be a model of this format at ``path``."""

    def read(self, path: Path, request: ReadRequest) -> StoredModel:
        """Read the model at ``path``, which matches.

        Raises:
            ElmokitError: when a file is missing or damaged.
        """
