"""Perplexity of a text: every token once, the full softmax, the share of ``<UNK>`` beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from elmokit.arguments import checked, instance_of, whole_number
from elmokit.data.corpus import Corpus
from elmokit.data.evaluation_streams import every_token_once
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.vocabulary import UNK_ID, Vocabulary
from elmokit.errors import ConfigError
from elmokit.model.bilm import BiLM, BiLMOutput, BiLMState
from elmokit.model.perplexity import perplexity
from elmokit.training.fixed_vocabulary import FixedVocabulary

_WINDOW_STEPS = 20


@dataclass(frozen=True)
class Evaluation:
    """How well a language model predicts a text.

    Perplexities are exponentials of mean cross-entropies per prediction; a sentence of n tokens has
    n + 1 predictions, its end included. The mean perplexity is the exponential of the mean of both
    directions' cross-entropies, as the original reports it.
    """

    perplexity: float
    forward: float
    backward: float | None
    """None for a model of one direction."""
    in_vocabulary_perplexity: float
    """Over the predictions whose target is not ``<UNK>``."""
    unk_share: float
    """Share of the text's tokens that are not in the vocabulary."""
    num_tokens: int
    num_predictions: int

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)


@checked
def evaluate(
    model: BiLM,
    corpus: Corpus | IndexedCorpus,
    vocabulary: Vocabulary | None = None,
    *,
    fixed_vocabulary: Vocabulary | None = None,
    on_tokens: Callable[[int], None] | None = None,
    max_rows: int = 64,
    tokens_per_row: int = 500,
    num_warm_up: int = 60,
) -> Evaluation:
    """Measure perplexity over a text in which every token counts exactly once.

    The text is read in its own order, by several rows that each read a part of it. Their number depends on
    the text alone, so that a model has one perplexity on a text. As in training, the LSTM state is carried
    from sentence to sentence, and each row warms up on the end of the part before its own.

    Args:
        model: with a softmax.
        corpus: the text.
        vocabulary: of the model; may be left out for an indexed corpus, which knows it.
        fixed_vocabulary: the words to predict, where they are not the model's own, so that models of
            different vocabularies can be compared; see :mod:`elmokit.training.fixed_vocabulary`.
        on_tokens: called with the number of further predictions made.
        max_rows: rows that read at the same time, at most.
        tokens_per_row: minimum length of a row's part, so that warming up stays a small share.
        num_warm_up: tokens that a row reads before its part.

    Raises:
        ConfigError: if an argument is of the wrong kind, or the model has no softmax.
    """
    instance_of("model", model, BiLM, "a BiLM, as the attribute model of load() is")
    if model.softmax is None:
        raise ConfigError("model: it has no softmax, which predicts words: load one that has")
    max_rows = whole_number("max_rows", max_rows, least=1)
    tokens_per_row = whole_number("tokens_per_row", tokens_per_row, least=1)
    num_warm_up = whole_number("num_warm_up", num_warm_up, least=0)
    for name, words in (("vocabulary", vocabulary), ("fixed_vocabulary", fixed_vocabulary)):
        if words is not None:
            instance_of(name, words, Vocabulary)
    text = index_for(model, corpus, vocabulary)
    assert isinstance(text.corpus, Corpus)
    corpus = text.corpus
    num_directions = model.config.num_directions
    num_rows = max(1, min(max_rows, corpus.num_tokens // tokens_per_row, corpus.num_sentences))
    totals, known_totals = np.zeros(num_directions), np.zeros(num_directions)
    num_predictions, num_unknown = 0, 0
    state: BiLMState | None = None
    fixed = None if fixed_vocabulary is None else FixedVocabulary(fixed_vocabulary, text)
    word_ids = text.word_ids if fixed is None else fixed.ids  # of the types
    with torch.inference_mode():
        for batch in every_token_once(
            text,
            num_rows=num_rows,
            num_steps=_WINDOW_STEPS,
            num_warm_up=num_warm_up,
            bidirectional=model.config.bidirectional,
        ):
            output: BiLMOutput = model(batch.to(model.device), state)
            state = output.state
            for direction, (part, types) in enumerate(
                zip(output.directions, batch.target_types, strict=True)
            ):
                assert part.losses is not None
                losses = part.losses
                if fixed is not None:
                    own_ids = batch.targets[direction]
                    losses = fixed.losses(model.softmax, part.hidden, types.ravel(), own_ids, losses)
                values = losses.cpu().double().numpy().reshape(types.shape)
                is_known = batch.is_counted & (word_ids[types] != UNK_ID)
                totals[direction] += values[batch.is_counted].sum()
                known_totals[direction] += values[is_known].sum()
            num_predictions += int(batch.is_counted.sum())
            num_unknown += int((batch.is_counted & (word_ids[batch.target_types[0]] == UNK_ID)).sum())
            if on_tokens is not None:
                on_tokens(int(batch.is_counted.sum()))
    means = totals / num_predictions
    return Evaluation(
        perplexity=perplexity(means.mean()),
        forward=perplexity(means[0]),
        backward=perplexity(means[1]) if num_directions == 2 else None,
        in_vocabulary_perplexity=perplexity((known_totals / (num_predictions - num_unknown)).mean()),
        unk_share=num_unknown / corpus.num_tokens,
        num_tokens=corpus.num_tokens,
        num_predictions=num_predictions,
    )


def index_for(
    model: BiLM, corpus: Corpus | IndexedCorpus, vocabulary: Vocabulary | None = None
) -> IndexedCorpus:
    """Return a text as a model's vocabulary sees it.

    Raises:
        ConfigError: when it is no text, or it is not indexed yet and no vocabulary is given.
    """
    if isinstance(corpus, IndexedCorpus):
        return corpus
    instance_of("corpus", corpus, Corpus, "a Corpus of prepare_corpus()")
    if vocabulary is None:
        raise ConfigError("evaluating a Corpus needs the vocabulary of the model")
    char_cnn = model.config.char_cnn
    return IndexedCorpus(
        corpus, vocabulary, max_characters=None if char_cnn is None else char_cnn.max_characters
    )
