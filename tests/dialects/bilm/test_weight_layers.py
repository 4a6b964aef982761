"""The learned sum of layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elmokit import Elmo
from elmokit.dialects.bilm import (
    Batcher,
    BidirectionalLanguageModel,
    WeightLayers,
    weight_layers,
)

SENTENCES = [["the", "cat", "sat"], [], ["naïve", "dog", "on", "the", "mat"]]


@pytest.fixture
def bilm(model) -> BidirectionalLanguageModel:
    return BidirectionalLanguageModel(str(model / "options.json"), str(model / "weights.hdf5"))


@pytest.fixture
def ids() -> np.ndarray:
    return Batcher(None, 50).batch_sentences(SENTENCES)


def test_weights_learn(bilm, ids):
    ops = bilm(ids)
    first = weight_layers("input", ops, l2_coef=0.5)
    module = first["module"]
    assert isinstance(module, WeightLayers)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    target = torch.rand(first["weighted_op"].shape, generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(10):
        result = module(ops)
        loss = ((result["weighted_op"] - target) ** 2).mean() + sum(result["regularization_op"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert module.W is not None
    assert (module.W.abs() > 1e-4).all()
    # A second call has new weights; the module has the learned ones.
    assert torch.equal(weight_layers("input", ops)["weighted_op"], first["weighted_op"])
    assert not torch.allclose(module(ops)["weighted_op"], first["weighted_op"])


def test_the_layer_gives_the_same(model, bilm, ids):
    elmo = Elmo.from_pretrained(model, dropout=0.0)
    weighted = weight_layers("x", bilm(ids))["weighted_op"].detach()
    (representation,) = elmo(SENTENCES)["elmo_representations"]
    for k, sentence in enumerate(SENTENCES):
        own = slice(len(sentence))
        torch.testing.assert_close(weighted[k, own], representation[k, own].detach(), rtol=0, atol=1e-6)
