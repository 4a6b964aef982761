"""A trained model and what is known about it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elmokit.config import Config
from elmokit.data.indexers import ByteSpeller, Speller, WordSpeller
from elmokit.data.lexicon import Lexicon
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError, ModelFileError
from elmokit.model.bilm import BiLM
from elmokit.model.values import fault_of_values

_STORED_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class OptimizerState:
    """Where the optimizer of a model's training stood."""

    kind: str
    """``adagrad`` or ``adam``."""
    slots: Mapping[str, Mapping[str, Tensor]]
    """What it remembers of each parameter, by slot (``sum``, ``first_moment``, ...) and parameter."""
    num_updates: int
    """Updates done."""


@dataclass(frozen=True)
class PretrainedModel:
    """A model and what is known about it."""

    model: BiLM
    """On the CPU, without gradients."""
    config: Config
    vocabulary: Vocabulary | None
    """None where none lies beside the weights; characters need none to embed."""
    source: Path
    """The file or directory that holds the weights."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of its training, where known: step, num_tokens, seconds, best_step, best_perplexity."""
    vocabulary_fault: str | None = None
    """Why the vocabulary beside the weights is not used."""
    lexicon: Lexicon | None = None
    """The alphabet and words of an ELMoForManyLangs model."""
    vocabulary_rows: list[int] | None = None
    """Of each word of the vocabulary, the line of its file where that is not its id."""
    optimizer_state: OptimizerState | None = None
    """Where it was asked for and the files hold it."""

    @cached_property
    def speller(self) -> Speller:
        """Turns words into the model's input.

        Raises:
            ModelFileError: when a model with word embeddings comes without its vocabulary.
        """
        if self.lexicon is not None:
            return self.lexicon
        if self.config.model.char_cnn is not None:
            return ByteSpeller(self.config.model.char_cnn.max_characters)
        if self.vocabulary is None:
            raise ModelFileError(
                f"{self.source}: a model with word embeddings needs its vocabulary: put vocab.txt beside it"
                + (f" ({self.vocabulary_fault})" if self.vocabulary_fault else "")
            )
        return WordSpeller(self.vocabulary)

    def save_pretrained(self, directory: str | Path, *, half_precision: bool = False) -> None:
        """Write a model directory: ``config.json``, ``model.safetensors``, ``vocab.txt`` and a model card.

        Args:
            directory: to write.
            half_precision: store 16 bits of each number: half the size, vectors that differ in the
                third or fourth digit.

        Raises:
            OutputError: when it cannot be written, or when something else is there.
            ModelFileError: when a parameter is too large for half precision.
        """
        from elmokit.formats.model_directory import write_model_directory  # it builds on this module

        write_model_directory(self, Path(directory), half_precision=half_precision)

    def push_to_hub(self, repo_id: str, *, private: bool = False) -> str:
        """Share the model on the Hugging Face Hub.

        Args:
            repo_id: such as ``me/my-elmo``; made where it does not exist.
            private: whether a new repository is hidden from others.

        Returns:
            The URL of the page.

        Raises:
            FetchError: when the Hub cannot be reached or refuses.
            MissingExtraError: when the package for it is not installed.
        """
        from elmokit.repository.hub import push_directory  # most models are never pushed

        with tempfile.TemporaryDirectory() as temporary:
            directory = Path(temporary) / repo_id.rpartition("/")[2]
            self.save_pretrained(directory)
            return push_directory(directory, repo_id, private=private)

    def require_vocabulary(self) -> Vocabulary:
        """The vocabulary of the model.

        Raises:
            ModelFileError: when it is not known.
        """
        if self.vocabulary is None:
            raise ModelFileError(
                f"{self.source}: the model's vocabulary is not known: "
                + (self.vocabulary_fault or "put the vocab.txt of its training beside the weights")
            )
        return self.vocabulary

    def require_softmax(self) -> Vocabulary:
        """The vocabulary of a model that can predict words.

        Raises:
            ModelFileError: when the model came without its softmax or its vocabulary.
        """
        if self.model.softmax is None:
            raise ModelFileError(
                f"{self.source}: these weights come without a softmax, so there is nothing to predict words "
                "with: expected a training run's save directory, a TensorFlow checkpoint of bilm-tf, or a "
                "softmax file (datasets softmax/W and softmax/b) beside the weights"
            )
        if self.vocabulary is None:
            raise ModelFileError(
                f"{self.source}: the softmax predicts {self.model.num_words} words, but which they are is "
                "not known: "
                + (self.vocabulary_fault or "put the vocab.txt of its training beside the weights")
            )
        return self.vocabulary


def model_from_tensors(
    config: Config, num_words: int | None, tensors: Mapping[str, Tensor], *, with_softmax: bool
) -> BiLM:
    """A model, on the CPU and without gradients, with the given parameters.

    Args:
        config: its geometry.
        num_words: V, of its softmax and word embeddings.
        tensors: every parameter by its name, of the right shape and in any floating-point type.
        with_softmax: whether the softmax is among them.
    """
    model = BiLM(config.model, num_words, with_softmax=with_softmax)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])
    return model.requires_grad_(False)


def expected_shapes(
    config: Config, num_words: int | None, *, with_softmax: bool, source: Path
) -> dict[str, torch.Size]:
    """The shape of every parameter, by its name; ``source`` is where the configuration stands.

    Raises:
        ConfigError: when a matrix would have more elements than can be counted.
    """
    try:
        with torch.device("meta"):
            model = BiLM(config.model, num_words, with_softmax=with_softmax)
    except (RuntimeError, OverflowError, TypeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise ConfigError(f"{source}: the geometry is impossibly large: {reason}") from None
    return {name: parameter.shape for name, parameter in model.named_parameters()}


def faults_of(tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> list[str]:
    """What is missing, unexpected, of another shape or type or not finite; one line each."""
    faults = []
    for name, shape in shapes.items():
        if name not in tensors:
            faults.append(f"{name}: missing")
        elif tensors[name].shape != shape:
            faults.append(f"{name}: shape {tuple(tensors[name].shape)}, expected {tuple(shape)}")
        elif tensors[name].dtype not in _STORED_TYPES:
            faults.append(
                f"{name}: {tensors[name].dtype}, expected floating-point numbers of 16 bits or more"
            )
        elif fault := fault_of_values(tensors[name].float()):  # as the model keeps them
            faults.append(f"{name}: {fault}")
    faults += [f"{name}: unexpected" for name in sorted(tensors.keys() - shapes.keys())]
    return faults
