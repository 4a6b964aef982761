"""Running whole sentences through a biLM.

The LSTMs need rows sorted by descending length and packed time-major, with the backward direction reversed.
The functions here take sentences of any lengths, one after the other, convert them to that layout and return
the requested layers in the order of the words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.batch import Batch
from elmokit.model.bilm import BiLM, BiLMState
from elmokit.model.packing import Packing, round_up
from elmokit.model.row_groups import TYPE_TILE
from elmokit.model.state_rows import select_rows

MAX_WINDOW_POSITIONS = 8192
"""Default number of packed positions that are run at a time, which bounds the memory for long sentences."""


def encode_words(
    model: BiLM, char_ids: Tensor | np.ndarray | None, word_ids: Tensor | np.ndarray | None
) -> Tensor:
    """Return the token vectors (U, P) of words; a word's vector does not depend on the number of words.

    Args:
        model: the biLM.
        char_ids: (U, C), see :meth:`BiLM.encode`.
        word_ids: (U,), see :meth:`BiLM.encode`.
    """
    ids = char_ids if char_ids is not None else word_ids
    assert ids is not None
    num_words = len(ids)
    tiled = [None if ids is None else _tiled(ids, model.device) for ids in (char_ids, word_ids)]
    return model.encode(*tiled)[:num_words]


def _tiled(ids: Tensor | np.ndarray, device: torch.device) -> Tensor:
    """Return ids (U, ...) on ``device``, with the first one repeated to fill a whole number of tiles."""
    tensor = torch.as_tensor(ids).to(device, non_blocking=not isinstance(ids, Tensor) or not ids.is_cuda)
    num_extra = round_up(len(tensor), TYPE_TILE) - len(tensor)
    if not num_extra:
        return tensor
    return torch.cat([tensor, tensor[:1].expand(num_extra, *tensor.shape[1:])])


def run_sentences(
    model: BiLM,
    vectors: Tensor,
    ids: Tensor,
    lengths: Sequence[int],
    state: BiLMState | None = None,
    *,
    layers: Sequence[int] | None = None,
    max_window_positions: int = MAX_WINDOW_POSITIONS,
) -> tuple[list[Tensor], BiLMState | None]:
    """Contextualize sentences.

    Args:
        model: the biLM.
        vectors: (U, P) token vectors of the word types.
        ids: (M,) int64 rows of ``vectors``, sentence after sentence, each with its begin and end markers.
        lengths: lengths of the sentences, at least 1 each; they sum to M.
        state: the state of each direction's layers, one row per sentence; None to start from zero.
            Gradients flow through all steps of a sentence, but not into the state.
        layers: indexes of the layers to return, 0 being the token layer; None for all L layers. Higher
            layers are not computed, unless there is a state to carry.
        max_window_positions: without gradients, number of packed positions that are run at a time.

    Returns:
        The requested layers in the order of ``layers``, each (M, D), and the new state if one was given.
    """
    requested = range(1 + model.config.lstm.num_layers) if layers is None else layers
    num_directions = model.config.num_directions
    if not lengths:
        empty = vectors.new_zeros(0, vectors.shape[1] * num_directions)
        return [empty] * len(requested), state
    num_layers = None if state is not None else max(requested, default=0)
    packing = Packing(lengths, tile=model.row_tile if state is None else 1)
    outputs: list[list[Tensor]] = [[] for _ in range(num_directions)]
    if num_layers != 0:
        sorted_state = None if state is None else select_rows(state, packing.order)
        outputs, new_state = _run_windows(
            model, packing, vectors, ids, sorted_state, num_layers, max_window_positions
        )
        if state is not None:
            state = select_rows(new_state, np.argsort(packing.order))
    results: list[Tensor] = []
    places = [_to_tensor(packing.positions_of[k], vectors) for k in range(len(outputs))]
    for index in requested:
        if index == 0:
            results.append(torch.cat([F.embedding(ids, vectors)] * num_directions, dim=1))
        else:
            parts = [
                direction[index - 1].index_select(0, own)
                for direction, own in zip(outputs, places, strict=True)
            ]
            results.append(torch.cat(parts, dim=1))
    return results, state


def _run_windows(
    model: BiLM,
    packing: Packing,
    vectors: Tensor,
    ids: Tensor,
    state: BiLMState | None,
    num_layers: int | None,
    max_window_positions: int,
) -> tuple[list[list[Tensor]], BiLMState]:
    """Run all steps, without gradients a bounded number of positions at a time.

    Returns:
        The packed outputs of each direction's layers, and the new state.
    """
    batch_sizes = packing.batch_sizes
    inputs = [ids[_to_tensor(words, vectors)] for words in packing.words[: model.config.num_directions]]
    if state is None:
        state = model.zero_state(batch_sizes[0])
    windows: list[list[tuple[Tensor, ...]]] = []
    start = first_step = 0
    while first_step < len(batch_sizes):
        num_steps = len(batch_sizes)  # with gradients a single window, because gradients stop at its borders
        if not torch.is_grad_enabled():
            num_steps = max(1, max_window_positions // batch_sizes[first_step])
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


def _to_tensor(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.device, non_blocking=True)
