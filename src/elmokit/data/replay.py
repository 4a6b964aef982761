"""New text with old text mixed in, as one corpus, so that a model does not forget what it has learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elmokit.data.corpus import Corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.data.word_types import NUM_BOUNDARY_TYPES, TypeTable


@dataclass(frozen=True)
class JoinedTypes:
    """The types of two corpora, those of the second after those of the first.

    A word that occurs in both has two types. The sentence boundaries are always the types of the first.
    """

    first: TypeTable
    second: TypeTable

    @property
    def counts(self) -> np.ndarray:
        """(num_types,) int64 number of occurrences of each type."""
        return np.concatenate([self.first.counts, self.second.counts])

    def char_rows(self, type_ids: np.ndarray, max_characters: int) -> np.ndarray:
        """Return the character ids of types: (len(type_ids), max_characters) int64."""
        is_first = type_ids < len(self.first)
        rows = np.empty((len(type_ids), max_characters), dtype=np.int64)
        rows[is_first] = self.first.char_rows(type_ids[is_first], max_characters)
        rows[~is_first] = self.second.char_rows(type_ids[~is_first] - len(self.first), max_characters)
        return rows

    def word_ids(self, vocabulary: Vocabulary) -> np.ndarray:
        """Return the vocabulary id of every type, ``<UNK>`` for unknown ones: (num_types,) int64."""
        return np.concatenate([self.first.word_ids(vocabulary), self.second.word_ids(vocabulary)])


class CorpusWithReplay:
    """A new text followed by an old one.

    Args:
        new_text: Its sentences keep their indices.
        old_text: Its sentences follow those of the new text.
    """

    def __init__(self, new_text: Corpus, old_text: Corpus) -> None:
        self.new_text = new_text
        self.old_text = old_text
        self.types = JoinedTypes(new_text.types, old_text.types)

    def __repr__(self) -> str:
        return f"CorpusWithReplay({self.new_text!r}, {self.old_text!r})"

    @property
    def num_tokens(self) -> int:
        """Number of tokens of both texts, sentence boundaries not counted."""
        return self.new_text.num_tokens + self.old_text.num_tokens

    def index_of_old(self, index: int) -> int:
        """Return the index that a sentence of the old text has here."""
        return self.new_text.num_lines + index

    def length(self, index: int) -> int:
        """Return the number of tokens of a sentence, boundaries not counted."""
        text, own_index = self._find(index)
        return text.length(own_index)

    def location(self, index: int) -> str:
        """Return the file and line of a sentence."""
        text, own_index = self._find(index)
        return text.location(own_index)

    def spans(self, sentences: np.ndarray, starts: np.ndarray, counts: np.ndarray, step: int) -> np.ndarray:
        """Return type ids of spans of sentences, see :meth:`Corpus.spans`."""
        num_new = self.new_text.num_lines
        is_new = sentences < num_new
        is_of_new = np.repeat(is_new, counts)
        ids = np.empty(len(is_of_new), dtype=np.int64)
        ids[is_of_new] = self.new_text.spans(sentences[is_new], starts[is_new], counts[is_new], step)
        old = self.old_text.spans(sentences[~is_new] - num_new, starts[~is_new], counts[~is_new], step)
        ids[~is_of_new] = old + np.where(old < NUM_BOUNDARY_TYPES, 0, len(self.new_text.types))
        return ids

    def _find(self, index: int) -> tuple[Corpus, int]:
        num_new = self.new_text.num_lines
        return (self.new_text, index) if index < num_new else (self.old_text, index - num_new)
