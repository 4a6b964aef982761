"""Both losses compared with plain implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.model import softmax as softmax_module
from elmokit.model.softmax import Candidates, Softmax, draw_candidates
from elmokit.model.word_embedding import WordEmbedding

NUM_WORDS, DIM, NUM_ROWS = 30, 6, 23


@pytest.fixture
def softmax() -> Softmax:
    softmax = Softmax(NUM_WORDS, DIM).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        softmax.weight.normal_(generator=generator)
        softmax.bias.normal_(generator=generator)
    return softmax


@pytest.fixture
def hidden() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(NUM_ROWS, DIM, dtype=torch.float64, generator=generator).requires_grad_()


@pytest.fixture
def targets() -> Tensor:
    return torch.randint(0, NUM_WORDS, (NUM_ROWS,), generator=torch.Generator().manual_seed(3))


@pytest.fixture
def candidates(targets) -> Candidates:
    candidates = draw_candidates(np.random.default_rng(4), 8, NUM_WORDS)
    num_hits = np.isin(targets.numpy(), candidates.ids).sum()
    assert 0 < num_hits < NUM_ROWS
    return candidates


def _plain_sampled(softmax: Softmax, hidden: Tensor, targets: Tensor, candidates: Candidates) -> Tensor:
    """Compute the loss row by row: the target against the candidates that are not the target."""
    losses = []
    for row, target in zip(hidden, targets.tolist(), strict=True):
        ids = [target, *(int(k) for k in candidates.ids if k != target)]
        logits = softmax.weight[ids] @ row + softmax.bias[ids]
        logits = logits - torch.from_numpy(candidates.log_expected_counts(np.array(ids)))
        losses.append(-F.log_softmax(logits, dim=0)[0])
    return torch.stack(losses)


def _check(losses: Tensor, total: Tensor, expected: Tensor, inputs: list[Tensor]) -> None:
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(total, expected.sum(), rtol=1e-12, atol=1e-12)
    assert not losses.requires_grad
    gradients = torch.autograd.grad(total * 0.7, inputs, retain_graph=True)
    expected_gradients = torch.autograd.grad(expected.sum() * 0.7, inputs)
    for gradient, plain in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient.to_dense(), plain, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("chunk_elements", [4_000_000, 100, 1], ids=lambda n: f"chunk={n}")
class TestChunks:
    @pytest.fixture(autouse=True)
    def _chunk(self, chunk_elements, monkeypatch):
        monkeypatch.setattr(softmax_module, "_CHUNK_ELEMENTS", chunk_elements)

    def test_full_softmax_equals_cross_entropy(self, softmax, hidden, targets):
        total, losses = softmax(hidden, targets)
        logits = hidden @ softmax.weight.t() + softmax.bias
        expected = F.cross_entropy(logits, targets, reduction="none")
        _check(losses, total, expected, [hidden, softmax.weight, softmax.bias])

    def test_sampled_softmax_equals_a_plain_formulation(self, softmax, hidden, targets, candidates):
        total, losses = softmax(hidden, targets, candidates)
        expected = _plain_sampled(softmax, hidden, targets, candidates)
        _check(losses, total, expected, [hidden, softmax.weight, softmax.bias])

    def test_without_gradients(self, softmax, hidden, targets, candidates):
        for drawn in (None, candidates):
            total, losses = softmax(hidden, targets, drawn)
            with torch.inference_mode():
                same_total, same_losses = softmax(hidden, targets, drawn)
            assert torch.equal(losses, same_losses)
            assert torch.equal(total.detach(), same_total)
            assert not same_total.requires_grad


def test_rows_are_split_into_chunks(monkeypatch):
    monkeypatch.setattr(softmax_module, "_CHUNK_ELEMENTS", 100)
    assert len(softmax_module._chunks(NUM_ROWS, NUM_WORDS)) == 8


def test_a_lone_candidate_that_is_the_target_costs_nothing(softmax, hidden):
    candidates = Candidates(np.array([7]), 1, NUM_WORDS)
    targets = torch.full((NUM_ROWS,), 7)
    total, losses = softmax(hidden, targets, candidates)
    total.backward()
    assert not losses.any()
    assert not hidden.grad.any()
    assert not softmax.weight.grad.to_dense().any()


def test_sampled_gradients_name_only_their_rows(softmax, hidden, targets, candidates):
    softmax(hidden, targets, candidates)[0].backward()
    for parameter in (softmax.weight, softmax.bias):
        rows = set(parameter.grad.coalesce().indices()[0].tolist())
        assert rows == set(targets.tolist()) | set(candidates.ids.tolist())


@pytest.mark.parametrize("is_sampled", [False, True])
def test_tied_weights_get_both_gradients(is_sampled, hidden, targets, candidates):
    embedding = WordEmbedding(NUM_WORDS, DIM).double()
    embedding.reset_parameters(torch.Generator().manual_seed(0))
    softmax = Softmax(NUM_WORDS, DIM, embedding.weight).double()
    softmax.bias.data.zero_()
    assert softmax.weight is embedding.weight
    before = embedding.weight.detach().clone()
    softmax.reset_parameters(torch.Generator().manual_seed(1))
    assert torch.equal(embedding.weight, before)
    word_ids = torch.tensor([0, 3, 3, 29] * 5 + [1, 2, 4])

    embedded = embedding(word_ids)
    softmax(hidden + embedded, targets, candidates if is_sampled else None)[0].backward()
    gradient = embedding.weight.grad.to_dense()

    weight = before.clone().requires_grad_()
    plain = Softmax(NUM_WORDS, DIM).double()
    plain.weight, plain.bias = torch.nn.Parameter(weight), softmax.bias
    summed = hidden.detach() + plain.weight[word_ids]
    if is_sampled:
        expected = _plain_sampled(plain, summed, targets, candidates).sum()
    else:
        expected = F.cross_entropy(summed @ plain.weight.t() + plain.bias, targets, reduction="sum")
    expected.backward()
    torch.testing.assert_close(gradient, plain.weight.grad, rtol=1e-10, atol=1e-12)


def test_initialization():
    softmax = Softmax(500, 64)
    softmax.reset_parameters(torch.Generator().manual_seed(0))
    assert softmax.weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert not softmax.bias.any()


def test_the_old_name_of_the_loss(softmax, hidden, targets):
    with pytest.warns(DeprecationWarning, match=r"Softmax\.loss is deprecated: call the module itself"):
        total, _ = softmax.loss(hidden, targets)
    assert torch.equal(total, softmax(hidden, targets)[0])
