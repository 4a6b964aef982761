"""Number the word types of a text in order of first occurrence."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO

import numpy as np

from elmokit.data.characters import word_bytes
from elmokit.data.word_types import BOS_TYPE, EOS_TYPE, NUM_BOUNDARY_TYPES, TypeTable

_WRITE_TOKENS = 1 << 20  # tokens kept in memory before they are written; the fingerprint depends on it
_SENTENCES_AT_A_TIME = 4096


class _TypeIds(dict[str, int]):
    """Gives every new word the next number."""

    def __missing__(self, word: str) -> int:
        type_id = self[word] = len(self) + NUM_BOUNDARY_TYPES
        return type_id


class TypeNumbering:
    """Numbers the word types of a text and writes its tokens as type ids.

    Memory is bounded by the number of distinct types.

    Args:
        tokens_file: Receives the uint32 type id of each token.
        offsets_file: Receives the int64 index of each sentence's first token, and the number of tokens.
    """

    def __init__(self, tokens_file: BinaryIO, offsets_file: BinaryIO) -> None:
        self.num_tokens = self.num_lines = self.num_blank_lines = 0
        self._tokens_file, self._offsets_file = tokens_file, offsets_file
        # What is not written yet.
        self._tokens: list[np.ndarray] = []
        self._offsets = [np.zeros(1, np.int64)]
        self._num_waiting_tokens, self._num_waiting_offsets = 0, 1
        self._type_ids = _TypeIds()
        self._counts = np.zeros(NUM_BOUNDARY_TYPES, np.int64)
        self._fingerprint = hashlib.blake2b(digest_size=16)

    def add(self, sentences: Iterable[Sequence[str]]) -> None:
        """Append sentences to the text."""
        remaining = iter(sentences)
        while some := list(islice(remaining, _SENTENCES_AT_A_TIME)):
            self.add_block(some)

    def add_block(self, sentences: Sequence[Sequence[str]]) -> None:
        """Append sentences that are in memory."""
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        self._append(self._ids_of(chain.from_iterable(sentences), int(lengths.sum())), lengths)

    def add_numbered(self, types: TypeTable, tokens: np.ndarray, offsets: np.ndarray) -> None:
        """Append text that has been numbered by itself.

        Args:
            types: Its types, in order of first occurrence.
            tokens: (num_tokens,) uint32 type ids.
            offsets: (num_lines + 1,) int64 index of each sentence's first token, and the number of tokens.
        """
        words = (types.word(type_id) for type_id in range(NUM_BOUNDARY_TYPES, len(types)))
        own_ids = self._ids_of(words, len(types) - NUM_BOUNDARY_TYPES)
        own_ids = np.concatenate([np.arange(NUM_BOUNDARY_TYPES, dtype=np.uint32), own_ids])
        for start, stop in _ranges(offsets):
            numbered = tokens[int(offsets[start]) : int(offsets[stop])]
            self._append(own_ids[numbered], np.diff(offsets[start : stop + 1]))

    def _ids_of(self, words: Iterable[str], num_words: int) -> np.ndarray:
        return np.fromiter(map(self._type_ids.__getitem__, words), np.uint32, num_words)

    def _append(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Append sentences; write what is waiting after each sentence that makes it enough."""
        while len(lengths):
            ends = np.cumsum(lengths)
            enough_tokens = int(np.searchsorted(ends, _WRITE_TOKENS - self._num_waiting_tokens)) + 1
            enough = min(enough_tokens, max(1, _WRITE_TOKENS - self._num_waiting_offsets))
            is_enough = enough <= len(lengths)
            count = min(enough, len(lengths))
            num_tokens = int(ends[count - 1])
            self._tokens.append(tokens[:num_tokens])
            self._offsets.append(self.num_tokens + ends[:count])
            self._num_waiting_tokens += num_tokens
            self._num_waiting_offsets += count
            self.num_tokens += num_tokens
            self.num_lines += count
            self.num_blank_lines += int(np.count_nonzero(lengths[:count] == 0))
            tokens, lengths = tokens[num_tokens:], lengths[count:]
            if is_enough:
                self._flush()

    def finish(self) -> tuple[TypeTable, str]:
        """Write what is still in memory.

        Returns:
            The types of the whole text, and the text's fingerprint.
        """
        self._flush()
        self._counts[BOS_TYPE] = self._counts[EOS_TYPE] = self.num_lines
        spellings = bytearray()
        offsets = array("q", [0] * (NUM_BOUNDARY_TYPES + 1))
        for word in self._type_ids:
            spelling = word_bytes(word)
            self._fingerprint.update(spelling + b"\n")
            spellings += spelling
            offsets.append(len(spellings))
        table = TypeTable(np.frombuffer(spellings, np.uint8), np.frombuffer(offsets, np.int64), self._counts)
        return table, self._fingerprint.hexdigest()

    def _flush(self) -> None:
        tokens = np.concatenate([np.zeros(0, np.uint32), *self._tokens])
        offsets = np.concatenate([np.zeros(0, np.int64), *self._offsets])
        num_new = len(self._type_ids) + NUM_BOUNDARY_TYPES - len(self._counts)
        self._counts = np.concatenate([self._counts, np.zeros(num_new, np.int64)])
        np.add.at(self._counts, tokens, 1)  # np.bincount would copy the tokens as int64
        for values, file in ((tokens, self._tokens_file), (offsets, self._offsets_file)):
            self._fingerprint.update(values.data)
            file.write(values.data)
        self._tokens, self._offsets = [], []
        self._num_waiting_tokens = self._num_waiting_offsets = 0


def _ranges(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield ranges of sentences with a bounded number of tokens, unless a single sentence has more."""
    start = 0
    while start < len(offsets) - 1:
        limit = int(offsets[start]) + _WRITE_TOKENS
        stop = max(start + 1, int(np.searchsorted(offsets, limit, side="right")) - 1)
        stop = min(stop, start + _WRITE_TOKENS, len(offsets) - 1)
        yield start, stop
        start = stop
