"""Whole sentences through a biLM: both directions, every layer, in the order the words came in.

The LSTMs want lanes sorted by falling length and packed time-major, the backward direction read from
the end. Here sentences of any lengths, one after the other, are brought into that layout and their
layers back out of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.model.bilm import BiLM, DirectionState
from elmokit.model.lstm.layer import LstmState

# Rows of a matrix product come out the same whatever the number of rows, but for a few small numbers
# of them; whole tiles keep a sentence's vectors independent of what else is in the batch.
_TILE = 16
_WINDOW_POSITIONS = 8192  # bounds memory, however long a sentence is


def encode_words(model: BiLM, char_ids: Tensor | None, word_ids: Tensor | None) -> Tensor:
    """Token vectors (U, P) of words given as :meth:`BiLM.encode` wants them, whatever their number."""
    ids = char_ids if char_ids is not None else word_ids
    assert ids is not None
    num_words = len(ids)
    idle = _whole(num_words, _TILE) - num_words
    if idle:
        char_ids, word_ids = (
            None if ids is None else torch.cat([ids, ids[:1].expand(idle, *ids.shape[1:])])
            for ids in (char_ids, word_ids)
        )
    return model.encode(char_ids, word_ids)[:num_words]


def run_sentences(
    model: BiLM, tokens: Tensor, lengths: Sequence[int], state: list[DirectionState] | None = None
) -> tuple[list[Tensor], list[DirectionState] | None]:
    """Contextualize sentences.

    Args:
        model: the biLM.
        tokens: (M, P) token vectors, sentence after sentence, each from its begin to its end marker.
        lengths: of the sentences, at least 1 each; they sum to M.
        state: of each direction's layers, a lane per sentence; None to start from zero. Gradients
            flow through all steps of a sentence, but not into the state.

    Returns:
        The L layers, each (M, D), the token layer first; and the new state where one was given.
    """
    num_lanes = len(lengths)
    if num_lanes == 0:
        empty = tokens.new_zeros(0, tokens.shape[1] * len(model.stacks))
        return [empty] * (1 + model.config.lstm.num_layers), state
    order = sorted(range(num_lanes), key=lambda lane: lengths[lane], reverse=True)
    sorted_lengths = np.array(lengths)[order]
    starts = (np.cumsum(lengths) - lengths)[order]
    steps = np.arange(sorted_lengths[0])[:, None]  # (T, 1)
    is_word = steps < sorted_lengths  # (T, B)
    # Lanes that only fill a tile read on after their last word, so their state would be another one.
    tile = _TILE if state is None else 1
    lanes_at = [_whole(int(count), tile) for count in is_word.sum(axis=1)]
    packed_starts = np.cumsum(lanes_at) - lanes_at
    places = (packed_starts[:, None] + np.arange(num_lanes))[is_word]  # of the words in the packed layout

    layers = [torch.cat([tokens] * len(model.stacks), dim=1)]
    outputs_of: list[list[Tensor]] = []
    new_state: list[DirectionState] | None = None if state is None else []
    lanes = torch.tensor(order, device=tokens.device)
    for direction in range(len(model.stacks)):
        word_at = starts + (sorted_lengths - 1 - steps if direction else steps)  # (T, B)
        # Idle lanes read the first word; nobody reads what they say.
        packed_words = np.zeros(sum(lanes_at), dtype=np.int64)
        packed_words[places] = word_at[is_word]
        place_of = np.empty(len(tokens), dtype=np.int64)
        place_of[word_at[is_word]] = places
        packed = F.embedding(_on(packed_words, tokens), tokens)
        if state is None:
            before = model.zero_state(lanes_at[0])[direction]
        else:
            before = [LstmState(layer.cell[lanes], layer.hidden[lanes]) for layer in state[direction]]
        outputs, after = _run(model, direction, packed, lanes_at, before)
        outputs_of.append([output.index_select(0, _on(place_of, tokens)) for output in outputs])
        if new_state is not None:
            back = torch.argsort(lanes)
            new_state.append([LstmState(layer.cell[back], layer.hidden[back]) for layer in after])
    layers += [torch.cat(parts, dim=1) for parts in zip(*outputs_of, strict=True)]
    return layers, new_state


def _run(
    model: BiLM, direction: int, packed: Tensor, lanes_at: list[int], state: DirectionState
) -> tuple[list[Tensor], DirectionState]:
    """The LSTM layers over all steps; without gradients a bounded number of positions at a time."""
    if torch.is_grad_enabled():  # backpropagation ends at a window
        return model.run(direction, packed, lanes_at, state)
    windows: list[list[Tensor]] = []
    start = first_step = 0
    while first_step < len(lanes_at):
        num_steps = max(1, _WINDOW_POSITIONS // lanes_at[first_step])
        window = lanes_at[first_step : first_step + num_steps]
        outputs, state = model.run(direction, packed[start : start + sum(window)], window, state)
        windows.append(outputs)
        start, first_step = start + sum(window), first_step + num_steps
    return [torch.cat(layer) for layer in zip(*windows, strict=True)], state


def _on(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.device)


def _whole(count: int, tile: int) -> int:
    return -(-count // tile) * tile
