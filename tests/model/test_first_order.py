"""The backward passes of the model are exact for first derivatives, and second ones are an error."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elmokit import Elmo, batch_to_ids
from elmokit.errors import ElmokitError
from elmokit.kernels import library

IDS = batch_to_ids([["the", "cat"], ["a"]])


@pytest.fixture(params=["compiled", "pytorch"])
def layer(request, monkeypatch) -> Elmo:
    if request.param == "pytorch":
        monkeypatch.setattr(library, "_load", lambda precision: None)
    return Elmo.from_pretrained(
        "tiny-en", requires_grad=True, dropout=0.0, scalar_mix_parameters=[0.0, 0.0, 0.0]
    )


def total(layer: Elmo) -> Tensor:
    """A loss whose gradient with respect to the layer is constant."""
    return layer(IDS)["elmo_representations"][0].sum()


def gradients(layer: Elmo, **options: bool) -> list[Tensor]:
    parameters = list(layer.bilm.parameters())
    return [
        gradient
        for gradient in torch.autograd.grad(total(layer), parameters, allow_unused=True, **options)
        if gradient is not None
    ]


@pytest.mark.parametrize("num_threads", [1, 2])
def test_a_penalty_on_any_gradient_is_refused(layer, num_threads, monkeypatch):
    monkeypatch.setattr("elmokit.model.parallel.num_workers", lambda: num_threads)
    for gradient in gradients(layer, create_graph=True):
        # Without a derivative, it would count as a constant.
        assert gradient.requires_grad
        with pytest.raises(ElmokitError, match=r"^the biLM has no second derivatives: take a gradient penal"):
            (total(layer) + gradient.square().sum()).backward(retain_graph=True)


def test_first_derivatives_are_the_same_with_and_without_a_graph(layer):
    expected = gradients(layer)
    found = gradients(layer, create_graph=True)
    assert all(torch.equal(own, other) for own, other in zip(found, expected, strict=True))


def test_gradients_with_a_graph_can_be_changed_in_place(layer):
    for gradient in gradients(layer, create_graph=True):
        before = gradient.detach().clone()
        gradient.mul_(2)
        assert torch.equal(gradient, 2 * before)


def test_a_penalty_on_the_gradient_of_the_representations_works(layer):
    (representation,) = layer(IDS)["elmo_representations"]
    (gradient,) = torch.autograd.grad(representation.square().sum(), representation, create_graph=True)
    gradient.square().sum().backward()
    assert all(parameter.grad is not None for parameter in layer.bilm.stacks.parameters())
