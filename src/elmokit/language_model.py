"""The language model itself: how likely sentences are, and what else could stand in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elmokit.data.length_batches import batches_by_length
from elmokit.data.sentences import tokenized
from elmokit.data.vocabulary import BOS_ID, EOS_ID, UNK_ID
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.loading import load
from elmokit.model.perplexity import perplexity
from elmokit.pretrained import PretrainedModel

_SPECIAL_IDS = (BOS_ID, EOS_ID, UNK_ID)


@dataclass(frozen=True)
class SentenceScore:
    """How likely a sentence is, from a zero LSTM state.

    Log-probabilities are natural, under the full softmax; words outside the vocabulary count as
    ``<UNK>``.
    """

    tokens: tuple[str, ...]
    is_unknown: tuple[bool, ...]
    """Of each token: not in the vocabulary."""
    forward: np.ndarray
    """(n + 1,) log p(token | all before it), the end of the sentence last."""
    backward: np.ndarray | None
    """(n + 1,) log p(token | all after it), the begin of the sentence first; None for a forward model."""

    @property
    def perplexity(self) -> float:
        """The sentence's pseudo-perplexity: ``exp`` of the mean negative log-probability of both directions.

        The figure that ``evaluate`` gives for a text, on one sentence; each direction predicts n + 1
        tokens. It is no probability of the sentence: each direction alone is.
        """
        directions = [self.forward] if self.backward is None else [self.forward, self.backward]
        return perplexity(-float(np.mean([np.mean(direction) for direction in directions])))


class Candidate(NamedTuple):
    """A word that could stand somewhere, and its natural log-probability there."""

    word: str
    log_probability: float


@dataclass(frozen=True)
class Substitutes:
    """What a model would put at a place, most likely first."""

    combined: list[Candidate]
    """By ``p(word | left)·p(word | right)``, normalized over the vocabulary."""
    forward: list[Candidate]
    """By p(word | left)"""
    backward: list[Candidate]
    """By p(word | right); empty for a forward model."""


class LanguageModel:
    """A trained biLM as a language model.

    Args:
        pretrained: a model with its softmax and vocabulary.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelFileError: when the softmax or the vocabulary is missing; it says where they can come from.
        ConfigError: when there is no such device.
    """

    def __init__(self, pretrained: PretrainedModel, *, device: str = "cpu") -> None:
        self._vocabulary = pretrained.require_softmax()
        self._embedder = ElmoEmbedder(pretrained, device=device)
        assert self._embedder.model.softmax is not None
        self._softmax = self._embedder.model.softmax
        self._dim = pretrained.config.model.lstm.projection_dim
        self._is_bidirectional = pretrained.config.model.bidirectional

    @classmethod
    def load(cls, model: str | Path, *, device: str = "cpu") -> LanguageModel:
        """Load a model from anything that :func:`elmokit.load` reads."""
        return cls(load(model, softmax=True), device=device)

    def score(
        self, sentences: Iterable[str | Sequence[str]], *, batch_size: int = 64
    ) -> Iterator[SentenceScore]:
        """Score sentences, one result at a time, for any number of them.

        Args:
            sentences: lists of tokens, or plain strings, which are split on white space.
            batch_size: sentences that are run together.

        Raises:
            ConfigError: when ``batch_size`` is not positive.
            ElmokitError: when ``sentences`` is a single string.
        """
        return batches_by_length(tokenized(sentences), self._score_batch, batch_size)

    def predictions(self, sentence: str | Sequence[str]) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities of every word of the vocabulary at every place of a sentence.

        Args:
            sentence: a list of tokens, or a plain string.

        Returns:
            log p(word | left context) and log p(word | right context), (n_tokens, V) each; the second
            is None for a forward model.
        """
        (tokens,) = tokenized([sentence])
        forward, backward = self._hidden([tokens])
        return self._log_probabilities(forward[:-2]), (
            None if backward is None else self._log_probabilities(backward[2:])
        )

    def substitutes(self, sentence: str | Sequence[str], position: int, k: int = 10) -> Substitutes:
        """What the model would put at a place, from what stands around it.

        The word that stands there does not take part; ``<S>``, ``</S>`` and ``<UNK>`` are left out.

        Args:
            sentence: a list of tokens, or a plain string.
            position: of the token, from 0; from the end if negative.
            k: candidates of each kind.

        Raises:
            ConfigError: when there is no such token, or ``k`` is not positive.
        """
        (tokens,) = tokenized([sentence])
        if not -len(tokens) <= position < len(tokens):
            raise ConfigError(
                f"position: expected 0 to {len(tokens) - 1}, got {position}"
                if tokens
                else "position: the sentence has no token"
            )
        if k < 1:
            raise ConfigError(f"k: expected at least 1, got {k}")
        place = position % len(tokens)
        forward, backward = self._hidden([tokens])
        left = self._log_probabilities(forward[place : place + 1])[0]
        right = None if backward is None else self._log_probabilities(backward[place + 2 : place + 3])[0]
        both = left if right is None else torch.log_softmax(left + right, dim=0)
        return Substitutes(
            self._best(both, k), self._best(left, k), [] if right is None else self._best(right, k)
        )

    def _score_batch(self, sentences: list[list[str]]) -> list[SentenceScore]:
        forward, backward = self._hidden(sentences)
        ids = [[self._vocabulary.id_of(word) for word in sentence] for sentence in sentences]
        marked = torch.tensor([id_ for own in ids for id_ in (BOS_ID, *own, EOS_ID)], device=forward.device)
        lengths = [len(sentence) + 2 for sentence in sentences]
        is_first = torch.zeros(len(marked), dtype=torch.bool)
        is_first[np.cumsum(lengths) - lengths] = True
        is_last = is_first.roll(-1)
        # Forward every token but the last predicts the next one, backward every one but the first.
        left = self._losses(forward[~is_last], marked[~is_first])
        right = None if backward is None else self._losses(backward[~is_first], marked[~is_last])
        scores, start = [], 0
        for sentence, own in zip(sentences, ids, strict=True):
            rows = slice(start, start + len(sentence) + 1)
            scores.append(
                SentenceScore(
                    tuple(sentence),
                    tuple(id_ == UNK_ID for id_ in own),
                    -left[rows],
                    None if right is None else -right[rows],
                )
            )
            start = rows.stop
        return scores

    def _hidden(self, sentences: list[list[str]]) -> tuple[Tensor, Tensor | None]:
        """The top layer of each direction, (M, P), sentence markers included."""
        top = self._embedder.run(sentences, layers=[self._embedder.num_layers - 1])[0][0]
        return top[:, : self._dim], top[:, self._dim :] if self._is_bidirectional else None

    @torch.inference_mode()
    def _losses(self, hidden: Tensor, targets: Tensor) -> np.ndarray:
        losses: np.ndarray = self._softmax.loss(hidden, targets)[1].double().cpu().numpy()
        return losses

    @torch.inference_mode()
    def _log_probabilities(self, hidden: Tensor) -> Tensor:
        logits = torch.addmm(self._softmax.bias, hidden, self._softmax.weight.t())
        return torch.log_softmax(logits, dim=1)

    def _best(self, log_probabilities: Tensor, k: int) -> list[Candidate]:
        allowed = log_probabilities.clone()
        allowed[list(_SPECIAL_IDS)] = -torch.inf
        values, ids = allowed.topk(min(k, len(allowed) - len(_SPECIAL_IDS)))
        return [
            Candidate(self._vocabulary[id_], value)
            for id_, value in zip(ids.tolist(), values.tolist(), strict=True)
        ]
