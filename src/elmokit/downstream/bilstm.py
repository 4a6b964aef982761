"""A bidirectional LSTM over padded sentences, whose directions a CPU computes at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elmokit.model.lstm.interface import FORGET_BIAS, LstmState, LstmWeights
from elmokit.model.lstm.layer import DEFAULT_IMPLEMENTATION, IMPLEMENTATIONS
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.packing import Packing
from elmokit.model.parallel import Task, run_tasks
from elmokit.model.spare_memory import SpareMemory


def run_bilstm(lstm: nn.LSTM, vectors: Tensor, mask: Tensor) -> Tensor:
    """Run a bidirectional LSTM over sentences, from a zero state.

    On the CPU each direction is a task for a worker, computed by the implementation that biLMs use; the
    result is the same for any number of workers. On other devices PyTorch computes both directions.

    Args:
        lstm: with ``batch_first``, ``bidirectional`` and biases, without a projection.
        vectors: (B, T, D).
        mask: (B, T) bool, True at tokens, which come before the padding. A sentence without tokens is read
            as one with the vector at its first place.

    Returns:
        (B, T, 2H), the forward direction first; zero at padding.
    """
    lengths = mask.sum(dim=1).clamp(min=1).cpu()
    if vectors.device.type != "cpu":
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=mask.shape[1])[0]
    packing = Packing(lengths.tolist(), tile=1)
    (places,) = torch.nonzero((torch.arange(mask.shape[1]) < lengths[:, None]).flatten(), as_tuple=True)
    words = vectors.flatten(0, 1).index_select(0, places)  # (M, D)
    for layer in range(lstm.num_layers):
        if layer > 0:
            words = F.dropout(words, lstm.dropout, lstm.training)
        results = run_tasks([_task(lstm, layer, direction, words, packing) for direction in (0, 1)])
        words = torch.cat([outputs for (outputs,) in results], dim=1)  # (M, 2H)
    padded = words.new_zeros(mask.numel(), words.shape[1]).index_copy(0, places, words)
    return padded.view(*mask.shape, -1)


def _task(lstm: nn.LSTM, layer: int, direction: int, words: Tensor, packing: Packing) -> Task:
    """Return the task of reading the words (M, ·) of all sentences in one direction."""
    ending = f"l{layer}" + "_reverse" * direction
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    parameters = tuple(getattr(lstm, f"{name}_{ending}") for name in names)
    order, back = (torch.from_numpy(own[direction]) for own in (packing.words, packing.positions_of))
    read = partial(_read, order=order, back=back, batch_sizes=packing.batch_sizes, parameters=parameters)
    return Task(read, (words,), parameters)


def _read(
    words: Tensor, *, order: Tensor, back: Tensor, batch_sizes: Sequence[int], parameters: Sequence[Tensor]
) -> tuple[Tensor]:
    """Return the outputs (M, H) at words (M, ·)."""
    weight_ih, weight_hh, bias_ih, bias_hh = parameters
    # (D + H, 4H), contiguous: products with other layouts are slow.
    kernel = _reordered(torch.cat([weight_ih, weight_hh], dim=1)).t().contiguous()
    bias = _reordered(bias_ih + bias_hh)
    width = weight_hh.shape[1]
    bias[2 * width : 3 * width] -= FORGET_BIAS
    zero = words.new_zeros(batch_sizes[0], width)
    weights = LstmWeights(kernel, bias, None, None, None, "float32", PackedWeights(), SpareMemory())
    run = IMPLEMENTATIONS[DEFAULT_IMPLEMENTATION]
    outputs, _ = run(words.index_select(0, order), batch_sizes, LstmState(zero, zero), weights)
    return (outputs.index_select(0, back),)


def _reordered(rows: Tensor) -> Tensor:
    """Return rows (4H, ...) with the gates in the order of elmokit's LSTM, whose j is PyTorch's g."""
    i, f, g, o = rows.chunk(4)
    return torch.cat([i, g, f, o])
