"""Perplexity over a vocabulary that is not the model's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from elmokit.data.evaluation_streams import every_token_once
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.vocabulary import UNK_ID, Vocabulary
from elmokit.training.evaluation import evaluate
from elmokit.training.fixed_vocabulary import common_vocabulary

SPECIALS = ["<S>", "</S>", "<UNK>"]


def fixed_probabilities(own: Vocabulary, fixed: Vocabulary, probabilities: np.ndarray) -> np.ndarray:
    """The rule, word by word, for one distribution (V,)."""
    found = np.zeros(len(fixed))
    strangers = [word for word in fixed.words if word not in own]
    share = probabilities[UNK_ID] / (1 + len(strangers))
    for k, word in enumerate(fixed.words):
        if word in strangers:
            found[k] = share
        elif word == "<UNK>":
            found[k] = share + sum(
                probability
                for own_word, probability in zip(own.words, probabilities, strict=True)
                if own_word not in fixed
            )
        else:
            found[k] = probabilities[own.id_of(word)]
    return found


def fixed_vocabularies(texts) -> dict[str, Vocabulary]:
    words = list(texts.vocabulary.words[3:])
    in_text = sorted({word for sentence in texts.heldout_sentences for word in sentence} - set(words))
    return {
        "same": texts.vocabulary,
        "smaller": Vocabulary(SPECIALS + words[:7]),
        "larger": Vocabulary(SPECIALS + words + in_text + ["never"]),
        "other": Vocabulary(SPECIALS + in_text[:3] + words[4:9][::-1] + ["never"]),
        "nothing": Vocabulary(SPECIALS),
    }


@pytest.mark.parametrize("kind", ["same", "smaller", "larger", "other", "nothing"])
def test_it_follows_the_rule(texts, make_trainer, kind):
    fixed = fixed_vocabularies(texts)[kind]
    model = make_trainer().model
    with torch.no_grad():
        model.softmax.weight.mul_(3)
        model.softmax.bias.normal_(generator=torch.Generator().manual_seed(0))
    found = evaluate(model, texts.heldout, texts.vocabulary, fixed_vocabulary=fixed)

    # The same batches, every distribution in full.
    text = IndexedCorpus(texts.heldout, texts.vocabulary, max_characters=10)
    fixed_ids = texts.heldout.types.word_ids(fixed)
    state = model.zero_state(1)
    losses: list[list[float]] = [[], []]
    known: list[list[float]] = [[], []]
    with torch.no_grad():
        for batch in every_token_once(text, num_rows=1, num_steps=20, num_warm_up=60, bidirectional=True):
            output = model(batch, state)
            state = output.state
            for direction, hidden in enumerate(part.hidden for part in output.directions):
                logits = hidden @ model.softmax.weight.t() + model.softmax.bias
                for n, distribution in enumerate(torch.softmax(logits.double(), dim=1).numpy()):
                    if batch.is_counted.ravel()[n]:
                        over_fixed = fixed_probabilities(texts.vocabulary, fixed, distribution)
                        assert over_fixed.sum() == pytest.approx(1.0)
                        target = fixed_ids[batch.target_types[direction].ravel()[n]]
                        losses[direction].append(-math.log(over_fixed[target]))
                        if target != UNK_ID:
                            known[direction].append(losses[direction][-1])
    assert found.forward == pytest.approx(math.exp(np.mean(losses[0])), rel=1e-5)
    assert found.backward == pytest.approx(math.exp(np.mean(losses[1])), rel=1e-5)
    in_vocabulary = math.exp(np.mean([np.mean(part) for part in known]))
    assert found.in_vocabulary_perplexity == pytest.approx(in_vocabulary, rel=1e-5)
    words = [word for sentence in texts.heldout_sentences for word in sentence]
    assert found.unk_share == pytest.approx(sum(word not in fixed for word in words) / len(words))


def test_the_own_vocabulary_changes_nothing(texts, make_trainer):
    model = make_trainer().model
    plain = evaluate(model, texts.heldout, texts.vocabulary)
    fixed = evaluate(model, texts.heldout, texts.vocabulary, fixed_vocabulary=texts.vocabulary)
    assert fixed.perplexity == pytest.approx(plain.perplexity, rel=1e-6)
    assert fixed.unk_share == plain.unk_share


def test_what_all_have():
    one, other = Vocabulary([*SPECIALS, "a", "b", "c"]), Vocabulary([*SPECIALS, "c", "a", "d"])
    assert common_vocabulary([one, other]).words == (*SPECIALS, "a", "c")
    assert common_vocabulary([one]) == one
