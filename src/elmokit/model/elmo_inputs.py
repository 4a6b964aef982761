"""The inputs of the ELMo layer as indices into a table of distinct words, each of which is encoded once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elmokit.alphabet import NUM_CHARACTER_SYMBOLS
from elmokit.errors import ElmokitError
from elmokit.model.batching import encode_words
from elmokit.model.bilm import BiLM
from elmokit.model.char_cnn import CharCnn


class ElmoInputs(NamedTuple):
    """B sentences as indices into a table of distinct words."""

    vectors: Tensor
    """(U, P) the begin marker first, then the end marker, then the words."""
    indices: Tensor
    """(M,) rows of ``vectors``, sentence after sentence, without the markers."""
    lengths: Tensor
    """(B,) without the markers."""
    num_steps: int
    """T, at least the length of the longest sentence."""
    outer_shape: tuple[int, ...]
    """The dimensions before T, whose product is B."""


def from_tokens(
    sentences: Sequence[Sequence[str]],
    encode: Callable[[Sequence[str]], Tensor],
    *,
    markers: tuple[str, str],
) -> ElmoInputs:
    """Index lists of tokens.

    Args:
        sentences: B lists of tokens.
        encode: turns words into their vectors (len(words), P).
        markers: the tokens before and after a sentence.

    Raises:
        ElmokitError: when a sentence is a string.
    """
    for sentence in (sentences, *sentences):
        if isinstance(sentence, str):
            raise ElmokitError(f"Elmo: expected lists of tokens, got the string {sentence[:40]!r}: split it")
    types = sorted({word for sentence in sentences for word in sentence})
    index_of = {word: k for k, word in enumerate(types, start=len(markers))}
    vectors = encode([*markers, *types])
    indices = [index_of[word] for sentence in sentences for word in sentence]
    lengths = [len(sentence) for sentence in sentences]
    return ElmoInputs(
        vectors,
        torch.tensor(indices, dtype=torch.int64, device=vectors.device),
        torch.tensor(lengths, dtype=torch.int64, device=vectors.device),
        max(lengths, default=0),
        (len(sentences),),
    )


def from_word_ids(ids: Tensor, table: Tensor, *, first: int, what: str, padding: int = 0) -> ElmoInputs:
    """Index word ids.

    Args:
        ids: (…, T), where ``table[first + id]`` is the vector of a word.
        table: (U, P).
        first: index of the vector of id 0.
        what: the name of the argument, for messages.
        padding: ids up to this one are padding.

    Raises:
        ElmokitError: when the ids have the wrong shape or type, or are out of range.
    """
    if ids.dim() < 2 or ids.is_floating_point():
        raise ElmokitError(f"Elmo: {what}: expected word ids (B, T), got {tuple(ids.shape)} {ids.dtype}")
    *outer_shape, num_steps = ids.shape
    ids = ids.reshape(math.prod(outer_shape), num_steps).to(table.device)
    lengths = (ids > padding).sum(dim=1)
    indices = ids[torch.arange(num_steps, device=ids.device) < lengths[:, None]]
    if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < len(table) - first:
        shift = -padding  # the caller's ids have 0 for padding
        raise ElmokitError(
            f"Elmo: {what}: ids from {int(indices.min()) + shift} to {int(indices.max()) + shift}, expected "
            f"{shift} to {len(table) - first - 1 + shift}"
        )
    return ElmoInputs(table, indices + first, lengths, num_steps, tuple(outer_shape))


def from_character_ids(ids: Tensor, model: BiLM, markers: Callable[[int], Tensor]) -> ElmoInputs:
    """Index character ids, and encode each distinct word once.

    Args:
        ids: (…, T, C), one more than the symbol of each character; 0 is padding.
        model: with a character encoder.
        markers: gives the symbols of the begin and the end marker (2, C) for C characters.

    Raises:
        ElmokitError: when the ids have the wrong shape or type, or are out of range.
    """
    if not isinstance(model.encoder, CharCnn):
        raise ElmokitError("Elmo: this model has its own character or word ids: give lists of tokens instead")
    if ids.dim() < 3 or ids.is_floating_point():
        raise ElmokitError(
            f"Elmo: expected character ids (B, T, C) from batch_to_ids, got {tuple(ids.shape)} {ids.dtype}"
        )
    *outer_shape, num_steps, num_characters = ids.shape
    ids = ids.reshape(math.prod(outer_shape), num_steps, num_characters).to(model.device)
    lengths = (ids > 0).any(dim=2).sum(dim=1)
    rows = ids[torch.arange(num_steps, device=ids.device) < lengths[:, None]] - 1  # (M, C)
    if rows.numel() and not -1 <= int(rows.min()) <= int(rows.max()) < NUM_CHARACTER_SYMBOLS:
        raise ElmokitError(
            f"Elmo: character ids from {int(rows.min()) + 1} to {int(rows.max()) + 1}, expected "
            f"0 (padding) to {NUM_CHARACTER_SYMBOLS}"
        )
    widest = max(len(kernel) for kernel in model.encoder.kernels)
    if num_characters < widest:
        raise ElmokitError(
            f"Elmo: {num_characters} characters per word, expected at least {widest}, the width of a filter"
        )
    distinct, index = torch.unique(rows, dim=0, return_inverse=True)
    distinct = distinct.where(distinct >= 0, NUM_CHARACTER_SYMBOLS)  # the mask symbol
    vectors = encode_words(model, torch.cat([markers(num_characters).to(rows), distinct]), None)
    return ElmoInputs(vectors, index + 2, lengths, num_steps, tuple(outer_shape))
