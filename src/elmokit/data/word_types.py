"""The distinct word types of a text: their spellings, counts and places in a vocabulary."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from elmokit.data.characters import boundary_rows, char_rows
from elmokit.data.vocabulary import BOS_ID, EOS_ID, UNK_ID, Vocabulary

BOS_TYPE, EOS_TYPE = 0, 1
NUM_BOUNDARY_TYPES = 2


class TypeTable:
    """The distinct surface forms of a corpus, by type id.

    Args:
        spellings: the bytes of all types, one after the other.
        offsets: (num_types + 1,) where each type's bytes start; types 0 and 1, the sentence
            boundaries, have none.
        counts: (num_types,) how often each type occurs.
    """

    def __init__(self, spellings: np.ndarray, offsets: np.ndarray, counts: np.ndarray) -> None:
        self._spellings = spellings
        self._offsets = offsets
        self.counts = counts

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def spelling(self, type_id: int) -> bytes:
        """The bytes of one type."""
        return self._spellings[self._offsets[type_id] : self._offsets[type_id + 1]].tobytes()

    def word(self, type_id: int) -> str:
        """One type as text."""
        return self.spelling(type_id).decode("utf-8")

    def char_rows(self, type_ids: np.ndarray, max_characters: int) -> np.ndarray:
        """Character ids (len(type_ids), max_characters) of the given types."""
        rows = char_rows([self.spelling(type_id) for type_id in type_ids], max_characters)
        boundaries = boundary_rows(max_characters)
        for type_id in (BOS_TYPE, EOS_TYPE):
            rows[type_ids == type_id] = boundaries[type_id]
        return rows

    def word_ids(self, vocabulary: Vocabulary) -> np.ndarray:
        """The vocabulary's id of every type, ``<UNK>`` where it has none: (num_types,) int64."""
        ids = np.full(len(self), UNK_ID, dtype=np.int64)
        ids[BOS_TYPE], ids[EOS_TYPE] = BOS_ID, EOS_ID
        for type_id in range(NUM_BOUNDARY_TYPES, len(self)):
            ids[type_id] = vocabulary.id_of(self.word(type_id))
        return ids

    def save(self, directory: Path) -> None:
        """Write the files of the table; see the top of this module."""
        for name, values in (
            ("spellings.bytes", self._spellings),
            ("spelling_offsets.i64", self._offsets),
            ("counts.i64", self.counts),
        ):
            (directory / name).write_bytes(values.data)
