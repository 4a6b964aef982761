"""The biLSTM of taggers and classifiers is PyTorch's, computed in another way."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from elmokit.downstream import bilstm
from elmokit.downstream.bilstm import run_bilstm

LENGTHS = [3, 7, 0, 5, 7, 1]


def made(num_layers: int = 1, dropout: float = 0.0) -> tuple[nn.LSTM, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    lstm = nn.LSTM(10, 6, num_layers, batch_first=True, bidirectional=True, dropout=dropout)
    mask = torch.arange(8) < torch.tensor(LENGTHS)[:, None]  # the last place is padding in every sentence
    return lstm, torch.randn(len(LENGTHS), 8, 10, requires_grad=True), mask


def by_pytorch(lstm: nn.LSTM, vectors: torch.Tensor) -> torch.Tensor:
    lengths = torch.tensor(LENGTHS).clamp(min=1)
    packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=8)[0]


def gradients(outputs: torch.Tensor, lstm: nn.LSTM, vectors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    weights = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
    return torch.autograd.grad((outputs * weights).sum(), [vectors, *lstm.parameters()])


@pytest.mark.parametrize("implementation", sorted({bilstm.DEFAULT_IMPLEMENTATION, "fused"}))
@pytest.mark.parametrize("num_layers", [1, 2])
def test_outputs_and_gradients_are_those_of_pytorch(num_layers, implementation, monkeypatch):
    monkeypatch.setattr(bilstm, "DEFAULT_IMPLEMENTATION", implementation)
    lstm, vectors, mask = made(num_layers)
    outputs, expected = run_bilstm(lstm, vectors, mask), by_pytorch(lstm, vectors)
    assert torch.allclose(outputs, expected, atol=1e-6)
    assert not outputs[:, 7].any()
    for own, other in zip(gradients(outputs, lstm, vectors), gradients(expected, lstm, vectors), strict=True):
        assert torch.allclose(own, other, atol=1e-5)


def test_dropout_is_between_the_layers_in_training_alone():
    lstm, vectors, mask = made(2, dropout=1.0)  # so that nothing is random
    assert torch.allclose(run_bilstm(lstm, vectors, mask), by_pytorch(lstm, vectors), atol=1e-6)
    lstm.eval()
    assert torch.allclose(run_bilstm(lstm, vectors, mask), by_pytorch(lstm, vectors), atol=1e-6)


def test_each_direction_runs_on_a_worker(two_threads, monkeypatch):
    names = []
    read = bilstm._read

    def noted(*args, **kwargs):
        names.append(threading.current_thread().name)
        return read(*args, **kwargs)

    monkeypatch.setattr(bilstm, "_read", noted)
    run_bilstm(*made())
    assert len(names) == 2
    assert all(name == "elmokit-worker" for name in names), names
