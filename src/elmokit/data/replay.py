"""New text with old text mixed in, as one corpus, so that a model does not forget what it knew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elmokit.data.corpus import Corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.data.word_types import NUM_BOUNDARY_TYPES, TypeTable


@dataclass(frozen=True)
class JoinedTypes:
    """The types of two corpora, the second's after the first's; the sentence boundaries are the first's.

    A word that occurs in both has two types.
    """

    first: TypeTable
    second: TypeTable

    def char_rows(self, type_ids: np.ndarray, max_characters: int) -> np.ndarray:
        """Character ids (len(type_ids), max_characters) of the given types."""
        is_first = type_ids < len(self.first)
        rows = np.empty((len(type_ids), max_characters), dtype=np.int64)
        rows[is_first] = self.first.char_rows(type_ids[is_first], max_characters)
        rows[~is_first] = self.second.char_rows(type_ids[~is_first] - len(self.first), max_characters)
        return rows

    def word_ids(self, vocabulary: Vocabulary) -> np.ndarray:
        """The vocabulary's id of every type, ``<UNK>`` where it has none."""
        return np.concatenate([self.first.word_ids(vocabulary), self.second.word_ids(vocabulary)])


class CorpusWithReplay:
    """A new text, and after it an old one.

    Args:
        new_text: whose sentences keep their places.
        old_text: whose sentences come after them.
    """

    def __init__(self, new_text: Corpus, old_text: Corpus) -> None:
        self.new_text = new_text
        self.old_text = old_text
        self.types = JoinedTypes(new_text.types, old_text.types)
        self._num_new = len(new_text.offsets) - 1

    def index_of_old(self, index: int) -> int:
        """Return the index here of a sentence of the old text."""
        return self._num_new + index

    def length(self, index: int) -> int:
        """Tokens of one sentence, boundaries not counted."""
        text, own_index = self._find(index)
        return text.length(own_index)

    def place(self, index: int) -> str:
        """File and line of one sentence."""
        text, own_index = self._find(index)
        return text.place(own_index)

    def sentence(self, index: int) -> np.ndarray:
        """Type ids of one sentence, boundaries included: (length + 2,) int64."""
        text, own_index = self._find(index)
        ids = text.sentence(own_index)
        if text is self.old_text:
            ids[ids >= NUM_BOUNDARY_TYPES] += len(self.new_text.types)
        return ids

    def _find(self, index: int) -> tuple[Corpus, int]:
        if index < self._num_new:
            return self.new_text, index
        return self.old_text, index - self._num_new
