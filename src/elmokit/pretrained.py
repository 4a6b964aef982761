"""A trained model with everything that is known about it, and how it is built from stored data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elmokit.arguments import checked, yes_or_no
from elmokit.config import Config
from elmokit.data.indexers import CharacterIndexer, Indexer, WordIndexer
from elmokit.data.lexicon import Lexicon
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ModelFileError
from elmokit.files.atomic import refuse_inputs
from elmokit.files.home import expanded
from elmokit.files.leftovers import temporary_directory
from elmokit.formats import bilm_pair, model_directory
from elmokit.formats.checks import mismatches
from elmokit.formats.mixtures import Mixtures
from elmokit.formats.parts import ModelParts
from elmokit.formats.stored import StoredModel
from elmokit.model.bilm import BiLM

_ROWS_ARE_WORDS = ("encoder.weight", "softmax.weight", "softmax.bias")


@dataclass(frozen=True)
class OptimizerState:
    """The state of the optimizer after training."""

    kind: str
    """``adagrad``, ``adam`` or ``muon``."""
    slots: Mapping[str, Mapping[str, Tensor]]
    """What is stored for each parameter, by slot (``sum``, ``first_moment``, ...) and parameter."""
    num_updates: int
    """Number of updates so far."""


@dataclass(frozen=True)
class PretrainedModel:
    """A trained model and what is known about it.

    It may be shared: whoever uses it copies the model before changing it.

    Args:
        model: on the CPU, without gradients.
        config: its configuration.
        vocabulary: None when there is none beside the weights; a character model embeds without one.
        source: the file or directory that holds the weights.
        facts: about its training, as far as known: step, seconds, best_step, best_perplexity.
        vocabulary_problem: why a vocabulary that was found is not used.
        lexicon: the characters and words of an ELMoForManyLangs model.
        vocabulary_rows: the line of each word of the vocabulary in its file; None when it is the word's id.
        optimizer_state: when it was requested and the files have it.
        mixtures: what an :class:`~elmokit.Elmo` layer has learned on top of the model, if one was saved.
    """

    model: BiLM
    config: Config
    vocabulary: Vocabulary | None
    source: Path
    facts: Mapping[str, Any] = field(default_factory=dict)
    vocabulary_problem: str | None = None
    lexicon: Lexicon | None = None
    vocabulary_rows: list[int] | None = None
    optimizer_state: OptimizerState | None = None
    mixtures: Mixtures | None = None

    def __repr__(self) -> str:
        return f"PretrainedModel({str(self.source)!r}, {self.model!r}, {self.vocabulary!r})"

    @property
    def vocabulary_fault(self) -> str | None:
        """Deprecated name of :attr:`vocabulary_problem`."""
        _warn_of_old_name("vocabulary_fault", "vocabulary_problem")
        return self.vocabulary_problem

    @property
    def speller(self) -> Indexer:
        """Deprecated name of :attr:`indexer`."""
        _warn_of_old_name("speller", "indexer")
        return self.indexer

    @cached_property
    def indexer(self) -> Indexer:
        """What turns words into the model's input ids.

        Raises:
            ModelFileError: when the model has word embeddings and its vocabulary is not known.
        """
        if self.lexicon is not None:
            return self.lexicon
        if self.config.model.char_cnn is not None:
            return CharacterIndexer(self.config.model.char_cnn.max_characters)
        if self.vocabulary is None:
            raise ModelFileError(
                f"{self.source}: a model with word embeddings needs its vocabulary: put vocab.txt beside it"
                + (f" ({self.vocabulary_problem})" if self.vocabulary_problem else "")
            )
        return WordIndexer(self.vocabulary)

    @checked
    def save_pretrained(self, directory: str | Path, *, half_precision: bool = False) -> None:
        """Write a model directory: ``config.json``, ``model.safetensors``, ``vocab.txt`` and a model card.

        Args:
            directory: where to write; an earlier model directory is replaced.
            half_precision: store 16 bits per number, for half the size. Vectors then differ in the third or
                fourth digit.

        Raises:
            OutputError: when it cannot be written, or something else or this very model is there.
            ModelFileError: when a parameter is too large for half precision.
        """
        half_precision = yes_or_no("half_precision", half_precision)
        refuse_inputs(directory, [self.source.parent if self.source.is_file() else self.source])
        model_directory.write(self.parts(), expanded(directory), half_precision=half_precision)

    @checked
    def save_bilm(
        self, directory: str | Path, *, weights_file: str = "weights.hdf5", with_softmax: bool = False
    ) -> list[Path]:
        """Write ``options.json`` and HDF5 weights, which every ELMo tool reads, and the vocabulary.

        Args:
            directory: where to write.
            weights_file: the name of the HDF5 file.
            with_softmax: write ``softmax_weights.hdf5`` too, if the model has a softmax.

        Returns:
            The files, the weights first.

        Raises:
            ConfigError: when the format cannot hold the model.
            OutputError: when a file cannot be written, or files of another model are there.
        """
        with_softmax = yes_or_no("with_softmax", with_softmax)
        weights = expanded(directory) / weights_file
        refuse_inputs(weights, [self.source])
        return bilm_pair.write(self.parts(), weights, with_softmax=with_softmax)

    @checked
    def push_to_hub(self, repo_id: str, *, private: bool = False) -> str:
        """Share the model on the Hugging Face Hub.

        Args:
            repo_id: the repository, e.g. ``me/my-elmo``; created if it does not exist.
            private: whether to hide a new repository from others.

        Returns:
            The URL of its page.

        Raises:
            FetchError: when the Hub cannot be reached or refuses.
            MissingExtraError: when the package for it is not installed.
        """
        from elmokit.repository.hub import push_directory  # most models are never pushed

        with temporary_directory() as temporary:
            directory = temporary / repo_id.rpartition("/")[2]
            self.save_pretrained(directory)
            return push_directory(directory, repo_id, private=private)

    def parts(self) -> ModelParts:
        """Return the model as plain data, for writing it to files."""
        return ModelParts(
            self.source,
            self.config,
            self.model.num_words,
            dict(self.model.named_parameters()),
            self.vocabulary,
            self.lexicon,
            self.facts,
            self.mixtures,
        )

    def require_vocabulary(self) -> Vocabulary:
        """Return the vocabulary of the model.

        Raises:
            ModelFileError: when it is not known.
        """
        if self.vocabulary is None:
            raise ModelFileError(
                f"{self.source}: the vocabulary of the model is not known: {self._vocabulary_advice()}"
            )
        return self.vocabulary

    def require_softmax(self) -> Vocabulary:
        """Return the vocabulary of a model that can predict words.

        Raises:
            ModelFileError: when the softmax or the vocabulary is missing.
        """
        if self.model.softmax is None:
            raise ModelFileError(
                f"{self.source}: these weights have no softmax to predict words with: expected a training "
                "run's save directory, a TensorFlow checkpoint of bilm-tf, or a softmax file (datasets "
                "softmax/W and softmax/b) beside the weights"
            )
        if self.vocabulary is None:
            raise ModelFileError(
                f"{self.source}: the softmax predicts {self.model.num_words} words, but the vocabulary is "
                f"not known: {self._vocabulary_advice()}"
            )
        return self.vocabulary

    def _vocabulary_advice(self) -> str:
        return self.vocabulary_problem or "put the vocab.txt of its training beside the weights"


def _warn_of_old_name(old: str, new: str) -> None:
    warnings.warn(
        f"PretrainedModel.{old} is now called {new}; the old name will be removed in the next version",
        DeprecationWarning,
        stacklevel=3,
    )


@torch.no_grad()
def build(stored: StoredModel) -> PretrainedModel:
    """Check what is stored, and build the model.

    Names, shapes, types and values of all tensors are checked here, whatever the format.

    Args:
        stored: what a format has read.

    Raises:
        ElmokitError: of the kind ``stored.error``, when tensors do not match the configuration; the message
            lists all of them by their names in the file.
    """
    if problems := list(mismatches(stored)):
        path = stored.weights_file or stored.source
        raise stored.error(f"{path}: does not match {stored.described_by}: " + "; ".join(problems))
    parameters = _in_order_of_ids(stored.layout.convert(stored.tensors), stored.vocabulary_rows)
    with_softmax = "softmax.bias" in parameters
    model = BiLM(stored.config.model, stored.num_words, with_softmax=with_softmax)
    for name, parameter in model.named_parameters():
        parameter.copy_(parameters[name])
    return PretrainedModel(
        model.requires_grad_(False),
        stored.config,
        stored.vocabulary,
        stored.source,
        stored.facts,
        stored.vocabulary_problem,
        stored.lexicon,
        stored.vocabulary_rows,
        _optimizer_state(stored),
        stored.mixtures,
    )


def _in_order_of_ids(parameters: Mapping[str, Tensor], rows: list[int] | None) -> dict[str, Tensor]:
    """Reorder the rows of words, which are stored in the order of the vocabulary file."""
    if rows is None or rows == list(range(len(rows))):
        return dict(parameters)
    return {name: values[rows] if name in _ROWS_ARE_WORDS else values for name, values in parameters.items()}


def _optimizer_state(stored: StoredModel) -> OptimizerState | None:
    if stored.optimizer is None:
        return None
    slots = {
        slot: _in_order_of_ids(stored.layout.convert(values), stored.vocabulary_rows)
        for slot, values in stored.optimizer.slots.items()
    }
    return OptimizerState(stored.optimizer.kind, slots, stored.optimizer.num_updates)
