"""Several users of one loaded model do not see what the others do with it."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit import Elmo, ElmoEmbedder, LanguageModel, load
from elmokit.dialects.bilm import BidirectionalLanguageModel
from elmokit.dialects.tfhub import ElmoModule
from elmokit.model.device import find_device
from elmokit.pretrained import PretrainedModel

SENTENCES = [["the", "cat", "sat"], [], ["on", "the", "mat", "."]]


@pytest.fixture(autouse=True)
def second_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``meta`` stand for a second device, which users may not choose: its tensors have no values."""
    for module in ("elmokit.embedder.embedder", "elmokit.dialects.bilm.language_model"):
        monkeypatch.setattr(
            f"{module}.find_device",
            lambda name: torch.device(name) if str(name) == "meta" else find_device(name),
        )


@pytest.fixture
def pretrained(kind, model_directory) -> PretrainedModel:
    return load(model_directory(kind))


@pytest.fixture
def with_softmax() -> PretrainedModel:
    return load("tiny-en")


def _snapshot(pretrained: PretrainedModel) -> dict[str, torch.Tensor]:
    return copy.deepcopy(pretrained.model.state_dict())


def _assert_untouched(pretrained: PretrainedModel, before: dict[str, torch.Tensor]) -> None:
    now = pretrained.model.state_dict()
    assert now.keys() == before.keys()
    assert all(torch.equal(now[name], value) for name, value in before.items())
    assert pretrained.model.device.type == "cpu"
    assert not any(parameter.requires_grad for parameter in pretrained.model.parameters())


def test_an_embedder_on_the_same_device_does_not_copy(pretrained):
    assert ElmoEmbedder(pretrained).model is pretrained.model
    assert ElmoEmbedder(pretrained, device="auto").model.device.type in ("cpu", "cuda")


def test_two_embedders_on_two_devices(pretrained):
    before = _snapshot(pretrained)
    embedder = ElmoEmbedder(pretrained)
    expected = embedder.embed(SENTENCES)
    elsewhere = ElmoEmbedder(pretrained, device="meta")
    assert elsewhere.model.device.type == "meta"
    assert embedder.model.device.type == "cpu"
    for own, vectors in zip(embedder.embed(SENTENCES), expected, strict=True):
        np.testing.assert_array_equal(own, vectors)
    _assert_untouched(pretrained, before)


def test_a_language_model_on_another_device(with_softmax):
    before = _snapshot(with_softmax)
    (expected,) = LanguageModel(with_softmax).score(["the right to vote"])
    LanguageModel(with_softmax, device="meta")
    (again,) = LanguageModel(with_softmax).score(["the right to vote"])
    np.testing.assert_array_equal(again.forward, expected.forward)
    _assert_untouched(with_softmax, before)


def test_other_interfaces_on_another_device(golden, monkeypatch):
    directory: Path = golden / "infer_models" / "skip2_relu"
    pretrained = load(directory)
    before = _snapshot(pretrained)
    ElmoModule(pretrained, device="meta")
    monkeypatch.setattr("elmokit.dialects.bilm.language_model.load", lambda *_, **__: pretrained)
    BidirectionalLanguageModel(None, directory, device="meta")
    _assert_untouched(pretrained, before)


def test_a_trained_layer_leaves_an_embedder_alone(pretrained):
    before = _snapshot(pretrained)
    embedder = ElmoEmbedder(pretrained)
    expected = embedder.embed(SENTENCES)
    elmo = Elmo(pretrained=pretrained, requires_grad=True, dropout=0.0)
    optimizer = torch.optim.SGD(elmo.parameters(), lr=1.0)
    first = elmo(SENTENCES)["elmo_representations"][0]
    first.square().sum().backward()
    optimizer.step()
    assert not torch.allclose(elmo(SENTENCES)["elmo_representations"][0], first)
    for own, vectors in zip(ElmoEmbedder(pretrained).embed(SENTENCES), expected, strict=True):
        np.testing.assert_array_equal(own, vectors)
    _assert_untouched(pretrained, before)


def test_a_layer_leaves_the_softmax_to_a_language_model(with_softmax):
    before = _snapshot(with_softmax)
    (expected,) = LanguageModel(with_softmax).score(["the right to vote"])
    elmo = Elmo(pretrained=with_softmax, requires_grad=True)
    assert elmo.bilm.softmax is None
    (again,) = LanguageModel(with_softmax).score(["the right to vote"])
    np.testing.assert_array_equal(again.forward, expected.forward)
    _assert_untouched(with_softmax, before)


def test_two_layers_share_nothing(pretrained):
    first = Elmo(pretrained=pretrained, requires_grad=True)
    second = Elmo(pretrained=pretrained)
    assert all(parameter.requires_grad for parameter in first.bilm.parameters())
    assert not any(parameter.requires_grad for parameter in second.bilm.parameters())
    pointers = [
        {parameter.data_ptr() for parameter in model.parameters()}
        for model in (first.bilm, second.bilm, pretrained.model)
    ]
    first_pointers, second_pointers, own_pointers = pointers
    assert first_pointers.isdisjoint(second_pointers)
    assert own_pointers.isdisjoint(first_pointers | second_pointers)
