"""The layer in a compiled model."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch import Tensor

from elmokit import Elmo, batch_to_ids

SENTENCES = [
    ["The", "cat", "sat", "on", "the", "mat", "."],
    [],
    ["naïve"],
    ["<S>", "我", "</S>", "the-word-of-more-than-fifty-bytes-that-has-to-be-cut-somewhere", "the", "The"],
]


class Tagger(torch.nn.Module):
    def __init__(self, elmo: Elmo) -> None:
        super().__init__()
        self.elmo = elmo
        self.output = torch.nn.Linear(32, 5)

    def forward(self, ids: Tensor) -> Tensor:
        return self.output(self.elmo(ids)["elmo_representations"][0])


@pytest.mark.filterwarnings("default")  # the compiler itself causes warnings
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compile(make, backend):
    tagger = Tagger(make(requires_grad=True))
    compiled = torch.compile(tagger, backend=backend)
    for sentences in (SENTENCES, [["one", "more"], ["the", "cat", "sat"]]):
        ids = batch_to_ids(sentences)
        results = []
        for model in (tagger, compiled):
            tagger.zero_grad()
            scores = model(ids)
            scores.square().sum().backward()
            gradients = [parameter.grad.clone() for parameter in tagger.parameters()]
            results.append((scores.detach(), gradients))
        torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(shutil.which("c++") is None and shutil.which("g++") is None, reason="no C++ compiler")
@torch.no_grad()
def test_compile_to_machine_code(make):
    """Of few words, because compiling takes longer for each of them."""
    tagger, ids = Tagger(make()), batch_to_ids([["The", "cat"], [], ["naïve"]])
    torch.testing.assert_close(torch.compile(tagger)(ids), tagger(ids), rtol=1e-4, atol=1e-5)
