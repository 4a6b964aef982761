"""The biLM as a language model: probabilities of sentences, and substitutes for words."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elmokit.arguments import checked, instance_of, whole_number
from elmokit.data.batches_by_length import batches_by_length
from elmokit.data.occurrences import Occurrence
from elmokit.data.sentences import tokenized, tokens_of
from elmokit.data.vocabulary import BOS_ID, EOS_ID, UNK_ID
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.loading import load
from elmokit.model.perplexity import perplexity
from elmokit.model.precision import without_autocast
from elmokit.pretrained import PretrainedModel

_SPECIAL_IDS = (BOS_ID, EOS_ID, UNK_ID)
_NUM_SHOWN = 3  # candidates of each kind
_BLOCK_NUMBERS = 1 << 23  # log-probabilities of a direction at a time, 32 MiB


@dataclass(frozen=True)
class SentenceScore:
    """The log-probabilities of a sentence's tokens, from a zero LSTM state.

    They are natural logarithms, computed with the full softmax. Words outside the vocabulary count as
    ``<UNK>``.
    """

    tokens: tuple[str, ...]
    """The tokens of the sentence."""
    is_unknown: tuple[bool, ...]
    """Whether each token is outside the vocabulary."""
    forward: np.ndarray
    """(n + 1,) log p(token | preceding tokens), with the end-of-sentence marker last."""
    backward: np.ndarray | None
    """(n + 1,) log p(token | following tokens), with the begin-of-sentence marker first; None for a
    forward-only model."""

    def __repr__(self) -> str:
        text = textwrap.shorten(" ".join(self.tokens), 60, placeholder=" …")
        return f"SentenceScore({text!r}, num_tokens={len(self.tokens)}, perplexity={self.perplexity:.1f})"

    @property
    def perplexity(self) -> float:
        """Pseudo-perplexity: ``exp`` of the mean negative log-probability over both directions.

        It is what ``evaluate`` reports for a text, for a single sentence; each direction predicts n + 1
        tokens. Only each direction alone gives a probability of the sentence, not their mean.
        """
        directions = [self.forward] if self.backward is None else [self.forward, self.backward]
        return perplexity(-float(np.mean([np.mean(direction) for direction in directions])))


class Candidate(NamedTuple):
    """A candidate word for a position, and its natural log-probability there."""

    word: str
    log_probability: float


@dataclass(frozen=True)
class Substitutes:
    """The words that a model predicts at a position, most likely first."""

    combined: list[Candidate]
    """Ranked by ``p(word | left)·p(word | right)``, normalized over the vocabulary."""
    forward: list[Candidate]
    """Ranked by p(word | left)."""
    backward: list[Candidate]
    """Ranked by p(word | right); empty for a forward-only model."""

    def __repr__(self) -> str:
        ranked = {"combined": self.combined, "forward": self.forward, "backward": self.backward}
        shown = (f"{name}=[{_best_words(candidates)}]" for name, candidates in ranked.items())
        return f"Substitutes({', '.join(shown)})"


def _best_words(candidates: Sequence[Candidate]) -> str:
    more = ", …" if len(candidates) > _NUM_SHOWN else ""
    return ", ".join(repr(candidate.word) for candidate in candidates[:_NUM_SHOWN]) + more


def top_words(log_probabilities: Tensor, k: int, *, excluded_ids: Sequence[int]) -> list[tuple[int, float]]:
    """Return the ids and log-probabilities of the ``k`` most likely words, most likely first.

    Args:
        log_probabilities: (V,).
        k: number of words; fewer are returned if the vocabulary has fewer.
        excluded_ids: distinct ids to leave out.
    """
    allowed = log_probabilities.clone()
    allowed[list(excluded_ids)] = -torch.inf
    values, ids = allowed.topk(min(k, len(allowed) - len(excluded_ids)))
    return list(zip(ids.tolist(), values.tolist(), strict=True))


class LanguageModel:
    """A trained biLM as a language model.

    Args:
        pretrained: a model with softmax and vocabulary, which is not modified.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelFileError: if the softmax or the vocabulary is missing; the message says where to get them.
        ConfigError: if there is no such device.
    """

    @checked
    def __init__(self, pretrained: PretrainedModel, *, device: str | torch.device = "cpu") -> None:
        instance_of("pretrained", pretrained, PretrainedModel, "a model of load()")
        self._vocabulary = pretrained.require_softmax()
        self._embedder = ElmoEmbedder(pretrained, device=device)
        assert self._embedder.model.softmax is not None
        self._softmax = self._embedder.model.softmax
        self._top_layer = pretrained.config.model.lstm.num_layers
        self._dim = pretrained.config.model.lstm.projection_dim
        self._is_bidirectional = pretrained.config.model.bidirectional

    def __repr__(self) -> str:
        embedder = self._embedder
        return (
            f"LanguageModel({str(embedder.pretrained.source)!r}, num_words={len(self._vocabulary)}, "
            f"device={str(embedder.model.device)!r})"
        )

    @classmethod
    @checked
    def load(cls, model: str | Path, *, device: str | torch.device = "cpu") -> LanguageModel:
        """Load a model in any format that :func:`elmokit.load` reads."""
        return cls(load(model, softmax=True), device=device)

    @checked
    def score(
        self, sentences: Iterable[str | Sequence[str]], *, batch_size: int = 64
    ) -> Iterator[SentenceScore]:
        """Score any number of sentences, yielding one result at a time, in order.

        Args:
            sentences: lists of tokens, or plain strings, which are split on whitespace.
            batch_size: number of sentences to run together.

        Raises:
            ConfigError: if ``batch_size`` is not positive.
            ElmokitError: if ``sentences`` is a single string, or a sentence or token is not a string.
        """
        return batches_by_length(tokenized(sentences), self._score_batch, batch_size)

    def predictions(self, sentence: str | Sequence[str]) -> tuple[Tensor, Tensor | None]:
        """Predict every word of the vocabulary at every position of a sentence.

        Args:
            sentence: a list of tokens, or a plain string.

        Returns:
            log p(word | left context) and log p(word | right context), (n_tokens, V) each; the second
            is None for a forward-only model.
        """
        tokens = tokens_of(sentence)
        forward, backward = self._hidden([tokens])
        return self._log_probabilities(forward[:-2]), (
            None if backward is None else self._log_probabilities(backward[2:])
        )

    @checked
    def substitutes(self, sentence: str | Sequence[str], position: int, k: int = 10) -> Substitutes:
        """Predict the words most likely to occur at a position, from the words around it.

        The word at the position itself has no influence. ``<S>``, ``</S>``, ``<UNK>`` and words that
        no token can match are left out.

        Args:
            sentence: a list of tokens, or a plain string.
            position: index of the token, from 0; negative indexes count from the end.
            k: number of candidates of each kind.

        Raises:
            ConfigError: if there is no such token, or ``k`` is not positive.
        """
        tokens = tokens_of(sentence)
        position = whole_number("position", position)
        if not -len(tokens) <= position < len(tokens):
            raise ConfigError(
                f"position: expected 0 to {len(tokens) - 1}, got {position}"
                if tokens
                else "position: the sentence has no token"
            )
        k = whole_number("k", k, least=1)
        index = position % len(tokens)
        forward, backward = self._hidden([tokens])
        # With the markers, the token is at index + 1.
        left = self._log_probabilities(forward[index : index + 1])[0]
        right = None if backward is None else self._log_probabilities(backward[index + 2 : index + 3])[0]
        both = left if right is None else torch.log_softmax(left + right, dim=0)
        return Substitutes(
            self._best(both, k), self._best(left, k), [] if right is None else self._best(right, k)
        )

    @checked
    def iter_substitutes(self, occurrences: Iterable[Occurrence], k: int = 10) -> Iterator[list[Candidate]]:
        """Yield the ``combined`` substitutes of many words, as :meth:`substitutes` returns them for one.

        Args:
            occurrences: the words, grouped by sentence.
            k: number of candidates of each word.
        """
        kept: list[tuple[Tensor, Tensor | None]] = []  # what predicts each word from either side
        block = max(1, _BLOCK_NUMBERS // len(self._vocabulary))
        groups = [
            list(group) for _, group in itertools.groupby(occurrences, key=lambda one: one.sentence_index)
        ]
        sentences = (list(group[0].sentence) for group in groups)
        for group, (forward, backward) in zip(
            groups, batches_by_length(sentences, self._hidden_of_each, 64), strict=True
        ):
            for occurrence in group:
                index = occurrence.position
                kept.append((forward[index], None if backward is None else backward[index + 2]))
                if len(kept) == block:
                    yield from self._best_of_each(kept, k)
                    kept = []
        yield from self._best_of_each(kept, k)

    def _hidden_of_each(self, sentences: list[list[str]]) -> list[tuple[Tensor, Tensor | None]]:
        forward, backward = self._hidden(sentences)
        lengths = [len(sentence) + 2 for sentence in sentences]
        rights = [None] * len(lengths) if backward is None else backward.split(lengths)
        return list(zip(forward.split(lengths), rights, strict=True))

    def _best_of_each(self, hidden: list[tuple[Tensor, Tensor | None]], k: int) -> list[list[Candidate]]:
        if not hidden:
            return []
        total = self._log_probabilities(torch.stack([left for left, _ in hidden]))
        rights = [right for _, right in hidden if right is not None]
        if rights:
            total = torch.log_softmax(total + self._log_probabilities(torch.stack(rights)), dim=1)
        return [self._best(row, k) for row in total]

    def _score_batch(self, sentences: list[list[str]]) -> list[SentenceScore]:
        forward, backward = self._hidden(sentences)
        ids = [[self._vocabulary.id_of(word) for word in sentence] for sentence in sentences]
        marked = torch.tensor([id_ for own in ids for id_ in (BOS_ID, *own, EOS_ID)], device=forward.device)
        lengths = [len(sentence) + 2 for sentence in sentences]
        is_first = torch.zeros(len(marked), dtype=torch.bool)
        is_first[np.cumsum(lengths) - lengths] = True
        is_last = is_first.roll(-1)
        # Forward, every token but the last predicts the next one; backward, every token but the first
        # predicts the previous one.
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
        """Return the top layer (M, P) of each direction, sentence markers included."""
        (top,) = self._embedder.run(sentences, layers=[self._top_layer])[0]
        return top[:, : self._dim], top[:, self._dim :] if self._is_bidirectional else None

    @torch.inference_mode()
    def _losses(self, hidden: Tensor, targets: Tensor) -> np.ndarray:
        losses: np.ndarray = self._softmax(hidden, targets)[1].cpu().double().numpy()
        return losses

    @torch.inference_mode()
    @without_autocast
    def _log_probabilities(self, hidden: Tensor) -> Tensor:
        logits = torch.addmm(self._softmax.bias, hidden, self._softmax.weight.t())
        return torch.log_softmax(logits, dim=1)

    def _best(self, log_probabilities: Tensor, k: int) -> list[Candidate]:
        best = top_words(log_probabilities, k, excluded_ids=(*_SPECIAL_IDS, *self._vocabulary.unreachable))
        return [Candidate(self._vocabulary[id_], value) for id_, value in best]
