"""Copies of a model: on another device, and for embedding."""

from __future__ import annotations

import copy

import pytest
import torch

from elmokit.model.bilm import BiLM
from elmokit.model.word_embedding import WordEmbedding


@pytest.fixture
def model(kind, make_config, make_model) -> BiLM:
    return make_model(make_config(kind))


@pytest.fixture
def tied(make_config) -> BiLM:
    model = BiLM(make_config("words").model.model_copy(update={"tie_softmax": True}), 9)
    model.reset_parameters(torch.Generator().manual_seed(0))
    return model


def test_on_the_same_device_it_is_the_model_itself(model):
    assert model.on("cpu") is model
    assert model.on(torch.device("cpu")) is model


def test_on_another_device_it_is_a_copy(model):
    model.encoder.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    moved = model.on("meta")
    assert {parameter.device.type for parameter in moved.parameters()} == {"meta"}
    assert model.device.type == "cpu"
    for (name, parameter), (own_name, own) in zip(
        model.named_parameters(), moved.named_parameters(), strict=True
    ):
        assert own_name == name
        assert own.shape == parameter.shape
        assert own.dtype == parameter.dtype
        assert own.requires_grad == parameter.requires_grad == (not name.startswith("encoder."))
        assert torch.equal(parameter, before[name])


def test_a_copy_on_another_device_keeps_tied_weights(tied):
    moved = tied.on("meta")
    assert moved.softmax is not None
    assert moved.softmax.weight is moved.encoder.weight
    assert moved.encoder.weight is not tied.encoder.weight


def test_parameters_are_not_copied_on_their_own_device(model, monkeypatch):
    def fail(*_):
        raise AssertionError("a parameter was copied on its own device")

    monkeypatch.setattr(torch.nn.Parameter, "__deepcopy__", fail)
    assert model.on("meta").device.type == "meta"


def test_a_copy_for_embedding(kind, model):
    before = copy.deepcopy(model.state_dict())
    copied = model.for_embedding()
    assert copied.softmax is None
    assert model.softmax is not None
    assert copied.state_dict().keys() == {name for name in before if not name.startswith("softmax.")}
    for name, parameter in copied.named_parameters():
        assert torch.equal(parameter, before[name])
        with torch.no_grad():
            parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    if kind == "words":
        assert isinstance(copied.encoder, WordEmbedding)
        assert (model.encoder.sparse, copied.encoder.sparse) == (True, False)


def test_a_copy_for_embedding_of_a_tied_model(tied):
    copied = tied.for_embedding()
    assert copied.state_dict().keys() == {name for name in tied.state_dict() if "softmax" not in name}
    assert torch.equal(copied.encoder.weight, tied.encoder.weight)
    assert copied.encoder.weight is not tied.encoder.weight


def test_a_copy_for_embedding_keeps_the_type_of_numbers(model):
    copied = model.double().for_embedding()
    assert {parameter.dtype for parameter in copied.parameters()} == {torch.float64}


@pytest.mark.parametrize("sparse", [False, True])
def test_gradients_of_word_embeddings(sparse, make_config):
    model = BiLM(make_config("words").model, 9, sparse_gradients=sparse)
    model.reset_parameters(torch.Generator().manual_seed(0))
    model.encode(None, torch.tensor([4, 1, 4])).sum().backward()
    gradient = model.encoder.weight.grad
    assert gradient.is_sparse == sparse
    assert gradient.to_dense().any(dim=1).nonzero().flatten().tolist() == [1, 4]
