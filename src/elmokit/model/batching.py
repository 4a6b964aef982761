"""Whole sentences through a biLM: both directions, the layers that are wanted, in the order of the words.

The LSTMs need rows sorted by decreasing length and packed time-major, the backward direction read from the
end. Sentences of any lengths, one after the other, are brought into that layout here, and their layers back
out of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.batch import Batch
from elmokit.model.bilm import BiLM, BiLMState
from elmokit.model.lstm.interface import LstmState

# Rows of a matrix product come out the same whatever the number of rows, but for a few small numbers
# of them; whole tiles keep a sentence's vectors independent of what else is in the batch.
_TILE = 16
_WINDOW_POSITIONS = 8192  # bounds memory, however long a sentence is


def encode_words(
    model: BiLM, char_ids: Tensor | np.ndarray | None, word_ids: Tensor | np.ndarray | None
) -> Tensor:
    """Return the token vectors (U, P) of words, the same for each word whatever their number.

    Args:
        model: the biLM.
        char_ids: (U, C) on any device, see :meth:`BiLM.encode`.
        word_ids: (U,) on any device, see :meth:`BiLM.encode`.
    """
    num_words = len(next(ids for ids in (char_ids, word_ids) if ids is not None))
    num_idle = _whole(num_words, _TILE) - num_words

    def whole(ids: Tensor | np.ndarray | None) -> Tensor | None:
        if ids is None:
            return None
        rows = torch.as_tensor(ids, device=model.device)
        return torch.cat([rows, rows[:1].expand(num_idle, *rows.shape[1:])]) if num_idle else rows

    return model.encode(whole(char_ids), whole(word_ids))[:num_words]


def run_sentences(
    model: BiLM,
    vectors: Tensor,
    ids: Tensor,
    lengths: Sequence[int],
    state: BiLMState | None = None,
    *,
    layers: Sequence[int] | None = None,
) -> tuple[list[Tensor], BiLMState | None]:
    """Contextualize sentences.

    Args:
        model: the biLM.
        vectors: (U, P) token vectors of the word types.
        ids: (M,) int64 rows of ``vectors``, sentence after sentence, each from its begin to its end marker.
        lengths: of the sentences, at least 1 each; they sum to M.
        state: of each direction's layers, a row per sentence; None to start from zero. Gradients flow
            through all steps of a sentence, but not into the state.
        layers: numbers of the layers to return, the token layer being 0; None for all L. Layers above the
            highest of them are not computed, unless there is a state to carry.

    Returns:
        The layers in the order of ``layers``, each (M, D), and the new state where one was given.
    """
    wanted = range(1 + model.config.lstm.num_layers) if layers is None else layers
    num_directions = model.config.num_directions
    if not lengths:
        empty = vectors.new_zeros(0, vectors.shape[1] * num_directions)
        return [empty] * len(wanted), state
    num_layers = None if state is not None else max(wanted)
    packing = _Packing(lengths, tile=_TILE if state is None else 1)
    if state is not None:
        state = [
            [LstmState(layer.cell[packing.order], layer.hidden[packing.order]) for layer in direction]
            for direction in state
        ]
    directions: list[list[Tensor]] = [[] for _ in range(num_directions)]
    if num_layers != 0:
        directions, new_state = _run(model, packing, vectors, ids, state, num_layers)
        if state is not None:
            back = np.argsort(packing.order)
            state = [
                [LstmState(layer.cell[back], layer.hidden[back]) for layer in direction]
                for direction in new_state
            ]
    found: list[Tensor] = []
    for number in wanted:
        if number == 0:
            found.append(torch.cat([F.embedding(ids, vectors)] * num_directions, dim=1))
        else:
            parts = [
                outputs[number - 1].index_select(0, _on(packing.positions_of[k], vectors))
                for k, outputs in enumerate(directions)
            ]
            found.append(torch.cat(parts, dim=1))
    return found, state


class _Packing:
    """Where the M words of some sentences are in the packed layout.

    Args:
        lengths: of the sentences.
        tile: the number of rows at each step is rounded up to a multiple of it. Idle rows read the first
            word, and their outputs are ignored; as their states would be wrong, only a run from a zero
            state may have them.
    """

    def __init__(self, lengths: Sequence[int], *, tile: int) -> None:
        num_rows, num_words = len(lengths), sum(lengths)
        self.order = np.array(sorted(range(num_rows), key=lambda row: lengths[row], reverse=True))
        """(B,) the sentence of each row, longest first."""
        sorted_lengths = np.array(lengths)[self.order]
        starts = (np.cumsum(lengths) - lengths)[self.order]
        steps = np.arange(sorted_lengths[0])[:, None]  # (T, 1)
        is_word = steps < sorted_lengths  # (T, B)
        self.batch_sizes = [_whole(int(count), tile) for count in is_word.sum(axis=1)]
        packed_starts = np.cumsum(self.batch_sizes) - self.batch_sizes
        positions = (packed_starts[:, None] + np.arange(num_rows))[is_word]
        self.words: list[np.ndarray] = []
        """Per direction (N,): the word at each packed position."""
        self.positions_of: list[np.ndarray] = []
        """Per direction (M,): the packed position of each word."""
        for word_at in (starts + steps, starts + sorted_lengths - 1 - steps):  # (T, B)
            words = np.zeros(sum(self.batch_sizes), dtype=np.int64)
            words[positions] = word_at[is_word]
            positions_of = np.empty(num_words, dtype=np.int64)
            positions_of[word_at[is_word]] = positions
            self.words.append(words)
            self.positions_of.append(positions_of)


def _run(
    model: BiLM,
    packing: _Packing,
    vectors: Tensor,
    ids: Tensor,
    state: BiLMState | None,
    num_layers: int | None,
) -> tuple[list[list[Tensor]], BiLMState]:
    """Run all steps; without gradients a bounded number of positions at a time.

    Returns:
        Per direction the packed outputs of its layers, and the new state.
    """
    batch_sizes = packing.batch_sizes
    inputs = [ids[_on(words, vectors)] for words in packing.words[: model.config.num_directions]]
    if state is None:
        state = model.zero_state(batch_sizes[0])
    windows: list[list[tuple[Tensor, ...]]] = []
    start = first_step = 0
    while first_step < len(batch_sizes):
        num_steps = len(batch_sizes)  # backpropagation ends at a window, so with gradients there is one
        if not torch.is_grad_enabled():
            num_steps = max(1, _WINDOW_POSITIONS // batch_sizes[first_step])
        sizes = tuple(batch_sizes[first_step : first_step + num_steps])
        stop = start + sum(sizes)
        batch = Batch(
            inputs=tuple(rows[start:stop] for rows in inputs), batch_sizes=sizes, token_vectors=vectors
        )
        output = model(batch, state, num_layers=num_layers)
        windows.append([direction.layers for direction in output.directions])
        state = output.state
        start, first_step = stop, first_step + num_steps
    joined = [
        [torch.cat(parts) if len(parts) > 1 else parts[0] for parts in zip(*direction, strict=True)]
        for direction in zip(*windows, strict=True)
    ]
    return joined, state


def _on(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.device)


def _whole(count: int, tile: int) -> int:
    return -(-count // tile) * tile
