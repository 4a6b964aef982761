"""A new softmax starts from the frequencies of the words."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from elmokit.data.vocabulary import BOS_ID, EOS_ID, UNK_ID


@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_bias_is_the_logarithm_of_the_shares(texts, make_trainer, bidirectional):
    trainer = make_trainer(recipe="adam", bidirectional=bidirectional)
    sentences = [sentence for sentence in texts.train_sentences if sentence]
    counts = Counter(word for sentence in sentences for word in sentence)
    shares = torch.softmax(trainer.model.softmax.bias.detach(), dim=0)
    total = sum(counts.values()) + len(sentences)
    for word in texts.vocabulary.words[3:]:
        found = float(shares[texts.vocabulary.id_of(word)])
        assert found == pytest.approx(counts[word] / total, rel=0.05)
    unknown = sum(count for word, count in counts.items() if word not in texts.vocabulary)
    assert float(shares[UNK_ID]) == pytest.approx(unknown / total, rel=0.05)
    # Forward the end of a sentence is predicted, backward its begin.
    expected = (0.5, 0.5) if bidirectional else (1.0, 0.0)
    for word_id, part in zip((EOS_ID, BOS_ID), expected, strict=True):
        assert float(shares[word_id]) == pytest.approx(part * len(sentences) / total, rel=0.1, abs=2e-3)


def test_the_recipe_of_2018_starts_from_zero(make_trainer):
    assert (make_trainer().model.softmax.bias == 0).all()
