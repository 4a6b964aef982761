"""Perplexity, with nothing hidden: every token once, the full softmax, the share of ``<UNK>``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from elmokit.data.corpus import Corpus
from elmokit.data.evaluation_streams import bilm_test_stream, every_token_once
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.vocabulary import UNK_ID, Vocabulary
from elmokit.errors import CorpusError
from elmokit.model.bilm import BiLM, BiLMOutput
from elmokit.training.fixed_vocabulary import FixedVocabulary

_MAX_LANES = 64
_TOKENS_PER_LANE = 500  # at least, so that warming up stays a small part
_WARM_UP_TOKENS = 60
_WINDOW_STEPS = 20
_LARGEST_EXPONENT = 700.0  # a little below the overflow of float64


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
        """For JSON."""
        return asdict(self)


def evaluate(
    model: BiLM,
    corpus: Corpus,
    vocabulary: Vocabulary,
    *,
    fixed_vocabulary: Vocabulary | None = None,
    on_tokens: Callable[[int], None] | None = None,
) -> Evaluation:
    """Perplexity over a text in which every token counts exactly once.

    The text is read in its own order in up to 64 stretches; their number depends on the text alone, so
    that a model has one perplexity on a text. As in training, the LSTM state is carried from
    sentence to sentence, and from the end of a stretch into the next.

    Args:
        model: with a softmax.
        corpus: the text.
        vocabulary: of the model.
        fixed_vocabulary: the words to predict, where they are not the model's own, so that models of
            different vocabularies can be compared; see :mod:`elmokit.training.fixed_vocabulary`.
        on_tokens: told how many predictions have been made, as they are.
    """
    assert model.softmax is not None
    num_directions = model.config.num_directions
    num_lanes = max(1, min(_MAX_LANES, corpus.num_tokens // _TOKENS_PER_LANE, corpus.num_sentences))
    totals, known_totals = np.zeros(num_directions), np.zeros(num_directions)
    num_predictions, num_unknown = 0, 0
    state = model.zero_state(num_lanes)
    text = _indexed(model, corpus, vocabulary)
    fixed = None if fixed_vocabulary is None else FixedVocabulary(fixed_vocabulary, vocabulary, corpus.types)
    word_ids = text.word_ids if fixed is None else fixed.ids  # of the types
    with torch.inference_mode():
        for batch in every_token_once(
            text,
            num_rows=num_lanes,
            num_steps=_WINDOW_STEPS,
            num_warm_up=_WARM_UP_TOKENS,
            bidirectional=model.config.bidirectional,
        ):
            output: BiLMOutput = model(batch.to(model.device), state)
            state = output.state
            for direction, part in enumerate(output.directions):
                assert part.losses is not None
                losses = part.losses
                types = batch.target_types[direction]
                if fixed is not None:
                    losses = fixed.losses(
                        model.softmax,
                        part.hidden,
                        types.ravel(),
                        batch.targets[direction],
                        losses,
                    )
                values = losses.double().cpu().numpy().reshape(types.shape)
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


def bilm_perplexity(
    model: BiLM,
    corpus: Corpus,
    vocabulary: Vocabulary,
    *,
    batch_size: int,
    on_tokens: Callable[[int], None] | None = None,
) -> float:
    """The figure that bilm-tf's ``test()`` reports, for comparison with the literature.

    It depends on the batch size: reading stops as soon as one of ``batch_size`` lanes runs dry, and
    what the others still had is dropped. Blank lines count as empty sentences.

    Raises:
        CorpusError: when the text does not fill one batch.
    """
    state = model.zero_state(batch_size)
    text = _indexed(model, corpus, vocabulary)
    batch_losses = []
    with torch.inference_mode():
        for batch in bilm_test_stream(text, batch_size=batch_size, bidirectional=model.config.bidirectional):
            output: BiLMOutput = model(batch.to(model.device), state)
            state = output.state
            means = [part.losses.mean() for part in output.directions if part.losses is not None]
            batch_losses.append(float(torch.stack(means).mean()))
            if on_tokens is not None:
                on_tokens(batch_size)
    if not batch_losses:
        raise CorpusError(
            f"{', '.join(corpus.sources[:3])}: {len(corpus.offsets) - 1} lines are too few for a batch of "
            f"{batch_size} lanes: lower --batch-size"
        )
    return perplexity(float(np.mean(batch_losses)))


def _indexed(model: BiLM, corpus: Corpus, vocabulary: Vocabulary) -> IndexedCorpus:
    char_cnn = model.config.char_cnn
    return IndexedCorpus(
        corpus, vocabulary, max_characters=None if char_cnn is None else char_cnn.max_characters
    )


def perplexity(cross_entropy: float) -> float:
    """The exponential of a mean cross-entropy in nats, kept finite."""
    return math.exp(min(cross_entropy, _LARGEST_EXPONENT))
