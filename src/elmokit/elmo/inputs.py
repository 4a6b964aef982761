"""Converting the inputs of the ELMo layer: lists of tokens, character ids or word ids."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from elmokit.alphabet import BEGIN_WORD, END_WORD, MASK_SYMBOL, NUM_CHARACTER_SYMBOLS
from elmokit.data.indexers import CharacterIndexer, Indexer
from elmokit.data.sentences import tokenized
from elmokit.elmo.type_batch import TypeBatch
from elmokit.errors import ElmokitError
from elmokit.model.batching import encode_words
from elmokit.model.bilm import BiLM
from elmokit.model.char_cnn import CharCnn


def batch_of_tokens(model: BiLM, indexer: Indexer, inputs: Iterable[str | Sequence[str]]) -> TypeBatch:
    """Convert B sentences: lists of tokens, or plain strings, which are split on whitespace.

    Raises:
        ElmokitError: if ``inputs`` is a single string, or a sentence or token is not a string.
    """
    sentences = list(tokenized(inputs, "inputs"))
    types = sorted({word for sentence in sentences for word in sentence})
    row_of = {word: row for row, word in enumerate(types, start=2)}
    vectors = encode_words(model, *indexer.index([indexer.bos, indexer.eos, *types]))
    rows = [row_of[word] for sentence in sentences for word in sentence]
    lengths = torch.tensor([len(sentence) for sentence in sentences], dtype=torch.int64)
    num_steps = int(lengths.max()) if sentences else 0
    return TypeBatch(
        vectors,
        torch.tensor(rows, dtype=torch.int64, device=vectors.device),
        (torch.arange(num_steps) < lengths[:, None]).to(vectors.device),
        (len(sentences),),
    )


def batch_of_char_ids(model: BiLM, inputs: Tensor) -> TypeBatch:
    """Convert character ids (…, T, C) from :func:`~elmokit.elmo.batch_to_ids`.

    Raises:
        ElmokitError: if the model has an alphabet of its own, or the ids have the wrong shape or are out of
            range.
    """
    if not isinstance(model.encoder, CharCnn):
        raise ElmokitError("Elmo: this model has an alphabet of its own: pass lists of tokens, not ids")
    if inputs.dim() < 3 or inputs.is_floating_point():
        raise ElmokitError(
            "Elmo: expected character ids (B, T, C) from batch_to_ids, "
            f"got {tuple(inputs.shape)} {inputs.dtype}"
        )
    *outer_shape, num_steps, num_characters = inputs.shape
    ids = inputs.reshape(math.prod(outer_shape), num_steps, num_characters).to(model.device)
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) <= NUM_CHARACTER_SYMBOLS:
        raise ElmokitError(
            f"Elmo: character ids from {int(ids.min())} to {int(ids.max())}, expected "
            f"0 (padding) to {NUM_CHARACTER_SYMBOLS}"
        )
    mask = (ids > 0).any(dim=2)
    symbols = _cut(ids[mask] - 1, model)  # (M, C)
    indexer = CharacterIndexer(symbols.shape[1])
    markers = torch.as_tensor(indexer.index([indexer.bos, indexer.eos]).char_ids, device=symbols.device)
    distinct, type_of = torch.unique(symbols, dim=0, return_inverse=True)
    distinct = distinct.where(distinct >= 0, MASK_SYMBOL)
    vectors = encode_words(model, torch.cat([markers.to(symbols), distinct]), None)
    return TypeBatch(vectors, type_of + 2, mask, tuple(outer_shape))


def _cut(symbols: Tensor, model: BiLM) -> Tensor:
    """Return symbols (M, C) in as many places as the model reads; longer words are cut as by its indexer."""
    assert model.config.char_cnn is not None
    num_places, num_given = model.config.char_cnn.max_characters, symbols.shape[1]
    if num_given < num_places:
        raise ElmokitError(
            f"Elmo: {num_given} character ids per word, expected at least {num_places}, which the model reads"
        )
    symbols = symbols.to(torch.int64, copy=True)  # bytes cannot hold the ids of all markers
    is_cut = (symbols[:, num_places:] == END_WORD).any(dim=1)
    symbols = symbols[:, :num_places]
    symbols[is_cut, -1] = END_WORD
    return symbols


def batch_of_cached_words(word_inputs: Tensor, cached_words: Tensor) -> TypeBatch:
    """Convert indexes (…, T) of words in ``cached_words`` (2 + n, P), whose first two rows are the markers.

    Index 0 is padding.

    Raises:
        ElmokitError: if the indexes have the wrong shape or are out of range.
    """
    return _batch_of_rows("word_inputs", word_inputs, cached_words, first_id=0, first_row=2)


def batch_of_word_ids(inputs: Tensor, embedding: Tensor) -> TypeBatch:
    """Convert word ids (…, T), each one more than its row of ``embedding`` (V, P).

    The markers are the first two words of every vocabulary. Id 0 is padding.

    Raises:
        ElmokitError: if the ids have the wrong shape or are out of range.
    """
    return _batch_of_rows("inputs", inputs, embedding, first_id=1, first_row=0)


def _batch_of_rows(name: str, ids: Tensor, table: Tensor, *, first_id: int, first_row: int) -> TypeBatch:
    """Convert ids (…, T), where ``first_id`` is the row ``first_row`` of the table and 0 is padding."""
    if ids.dim() < 2 or ids.is_floating_point():
        raise ElmokitError(f"Elmo: {name}: expected word ids (B, T), got {tuple(ids.shape)} {ids.dtype}")
    *outer_shape, num_steps = ids.shape
    ids = ids.reshape(math.prod(outer_shape), num_steps).to(table.device)
    if _are_characters(ids):
        raise ElmokitError(
            f"Elmo: {name}: character ids from batch_to_ids, expected word ids: pass lists of tokens"
        )
    mask = ids > 0
    present = ids[ids != 0]
    last_id = first_id + len(table) - first_row - 1
    if present.numel() and not first_id <= int(present.min()) <= int(present.max()) <= last_id:
        raise ElmokitError(
            f"Elmo: {name}: ids from {int(present.min())} to {int(present.max())}, expected "
            f"{first_id} to {last_id}"
        )
    return TypeBatch(table, present - first_id + first_row, mask, tuple(outer_shape))


def _are_characters(ids: Tensor) -> bool:
    """Whether each row (B, T) that is not padding spells a word between its two markers."""
    rows = ids[(ids > 0).any(dim=1)]
    if not rows.numel():
        return False
    has_end = (rows == END_WORD + 1).any(dim=1)
    return bool((has_end & (rows[:, 0] == BEGIN_WORD + 1)).all())
