"""The distinct word types of a text: their spellings, counts and ids in a vocabulary."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from elmokit.data.characters import boundary_rows, char_rows_at
from elmokit.data.vocabulary import BOS_ID, EOS_ID, UNK_ID, Vocabulary

BOS_TYPE, EOS_TYPE = 0, 1
NUM_BOUNDARY_TYPES = 2


class TypeTable:
    """The distinct surface forms of a corpus, indexed by type id.

    Types 0 and 1 are the sentence boundaries, which have no spelling.

    Args:
        spellings: (num_bytes,) uint8 UTF-8 bytes of all types, one after the other.
        offsets: (num_types + 1,) int64 index of each type's first byte, and the number of bytes.
        counts: (num_types,) int64 number of occurrences of each type.
    """

    def __init__(self, spellings: np.ndarray, offsets: np.ndarray, counts: np.ndarray) -> None:
        self._spellings = spellings
        self._offsets = offsets
        self.counts = counts

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def spelling(self, type_id: int) -> bytes:
        """Return the UTF-8 bytes of a type."""
        return self._spellings[self._offsets[type_id] : self._offsets[type_id + 1]].tobytes()

    def word(self, type_id: int) -> str:
        """Return a type as text."""
        return self.spelling(type_id).decode("utf-8")

    def char_rows(self, type_ids: np.ndarray, max_characters: int) -> np.ndarray:
        """Return the character ids of types: (len(type_ids), max_characters) int64."""
        starts = self._offsets[type_ids]
        lengths = self._offsets[type_ids + 1] - starts
        rows = char_rows_at(self._spellings, starts, lengths, max_characters)
        boundaries = boundary_rows(max_characters)
        for type_id in (BOS_TYPE, EOS_TYPE):
            rows[type_ids == type_id] = boundaries[type_id]
        return rows

    def word_ids(self, vocabulary: Vocabulary) -> np.ndarray:
        """Return the vocabulary id of every type, ``<UNK>`` for unknown ones: (num_types,) int64."""
        ids = np.full(len(self), UNK_ID, dtype=np.int64)
        ids[BOS_TYPE], ids[EOS_TYPE] = BOS_ID, EOS_ID
        for type_id in range(NUM_BOUNDARY_TYPES, len(self)):
            ids[type_id] = vocabulary.id_of(self.word(type_id))
        return ids

    def check(self) -> None:
        """Check that every type has a spelling, for a table that comes from others.

        Raises:
            ValueError: If the offsets do not divide the bytes, or a spelling is not UTF-8.
        """
        offsets = self._offsets
        if offsets[0] != 0 or offsets[-1] != len(self._spellings) or (np.diff(offsets) < 0).any():
            raise ValueError("spelling_offsets.i64 does not divide spellings.bytes into words")
        for type_id in range(len(self)):
            self.word(type_id)

    def save(self, directory: Path) -> None:
        """Write the files of the table, see :mod:`elmokit.data.corpus`."""
        for name, values in (
            ("spellings.bytes", self._spellings),
            ("spelling_offsets.i64", self._offsets),
            ("counts.i64", self.counts),
        ):
            (directory / name).write_bytes(values.data)
