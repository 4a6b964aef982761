"""Number the word types of a text in order of first occurrence."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from typing import BinaryIO

import numpy as np

from elmokit.data.characters import word_bytes
from elmokit.data.word_types import BOS_TYPE, EOS_TYPE, NUM_BOUNDARY_TYPES, TypeTable

_WRITE_TOKENS = 1 << 20  # tokens kept in memory before they are written; the fingerprint depends on it


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
        self._tokens, self._offsets = array("I"), array("q", [0])
        self._type_ids: dict[str, int] = {}
        self._counts = array("q", [0] * NUM_BOUNDARY_TYPES)
        self._fingerprint = hashlib.blake2b(digest_size=16)

    def add(self, sentences: Iterable[Sequence[str]]) -> None:
        """Append sentences to the text."""
        type_ids, counts, tokens, offsets = self._type_ids, self._counts, self._tokens, self._offsets
        for sentence in sentences:
            for word in sentence:
                type_id = type_ids.get(word)
                if type_id is None:
                    type_id = type_ids[word] = len(counts)
                    counts.append(0)
                counts[type_id] += 1
                tokens.append(type_id)
            self.num_tokens += len(sentence)
            self.num_blank_lines += not sentence
            self.num_lines += 1
            offsets.append(self.num_tokens)
            if len(tokens) >= _WRITE_TOKENS or len(offsets) >= _WRITE_TOKENS:
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
        table = TypeTable(
            np.frombuffer(spellings, np.uint8),
            np.frombuffer(offsets, np.int64),
            np.frombuffer(self._counts, np.int64),
        )
        return table, self._fingerprint.hexdigest()

    def _flush(self) -> None:
        for values, file in ((self._tokens, self._tokens_file), (self._offsets, self._offsets_file)):
            self._fingerprint.update(values)
            values.tofile(file)
            del values[:]
