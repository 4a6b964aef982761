"""A corpus indexed by a vocabulary: each word type has its id."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Self

import numpy as np
import torch

from elmokit.data.batches import TextBatch, Window
from elmokit.data.corpus import Corpus
from elmokit.data.replay import CorpusWithReplay
from elmokit.data.vocabulary import UNK_ID, Vocabulary
from elmokit.errors import UnsortedVocabularyWarning

_SORTED_ENOUGH = 0.3  # rank correlation


class IndexedCorpus:
    """A corpus whose word types have been looked up in a vocabulary, once; creates the batches of a model.

    Args:
        corpus: The text.
        vocabulary: The vocabulary of the model.
        max_characters: Width C of a row of character ids; None for a model without characters.
        word_ids: (num_types,) int64 vocabulary ids of the corpus's types, if they have been looked up
            already.
    """

    def __init__(
        self,
        corpus: Corpus | CorpusWithReplay,
        vocabulary: Vocabulary,
        *,
        max_characters: int | None,
        word_ids: np.ndarray | None = None,
    ) -> None:
        self.corpus = corpus
        self.vocabulary = vocabulary
        self.max_characters = max_characters
        self.word_ids = corpus.types.word_ids(vocabulary) if word_ids is None else word_ids
        """(num_types,) int64 vocabulary id of every type of the corpus, ``<UNK>`` for unknown ones."""

    def __repr__(self) -> str:
        return f"IndexedCorpus({self.corpus!r}, {self.vocabulary!r}, max_characters={self.max_characters})"

    def with_replay(self, old: IndexedCorpus) -> Self:
        """Return this corpus with an old text mixed in, indexed by the same vocabulary."""
        assert isinstance(self.corpus, Corpus)
        assert isinstance(old.corpus, Corpus)
        return type(self)(
            CorpusWithReplay(self.corpus, old.corpus),
            self.vocabulary,
            max_characters=self.max_characters,
            word_ids=np.concatenate([self.word_ids, old.word_ids]),
        )

    @cached_property
    def num_unknown(self) -> int:
        """Number of tokens that are not in the vocabulary."""
        return int(self.corpus.types.counts[self.word_ids == UNK_ID].sum())

    @property
    def unknown_share(self) -> float:
        """Share of the tokens that are not in the vocabulary, between 0 and 1."""
        return self.num_unknown / self.corpus.num_tokens

    @cached_property
    def rank_correlation(self) -> float:
        """Spearman's rank correlation between the order of the vocabulary and frequency in the text.

        1 if the words are sorted by descending frequency, which the sampled softmax assumes. Only words that
        occur in the text count, and the text has no replayed text mixed in; 1 if there are fewer than two
        words.
        """
        assert isinstance(self.corpus, Corpus)
        is_known = self.word_ids > UNK_ID
        if is_known.sum() < 2:
            return 1.0
        orders = (
            np.argsort(values, kind="stable")
            for values in (self.word_ids[is_known], -self.corpus.types.counts[is_known])
        )
        ranks = [np.argsort(order) for order in orders]
        return float(np.corrcoef(ranks[0], ranks[1])[0, 1])

    def warn_if_unsorted(self) -> None:
        """Warn where the vocabulary is not sorted by descending frequency, which the sampled softmax
        assumes."""
        if self.rank_correlation < _SORTED_ENOUGH:
            warnings.warn(
                "the vocabulary is not sorted by descending frequency (rank correlation with the training "
                f"text {self.rank_correlation:.2f}), as the sampled softmax assumes: create it with `elmokit "
                "vocabulary`, or set num_negatives=0",
                UnsortedVocabularyWarning,
                stacklevel=3,
            )

    def batch(self, windows: list[Window], sentences: tuple[int, ...]) -> TextBatch:
        """Create the batch of one window in each direction; it contains each distinct type once.

        Args:
            windows: The window of each direction.
            sentences: Indices of the sentences that the windows overlap.
        """
        flat = np.concatenate([window.inputs.ravel() for window in windows])
        types, rows = _distinct(flat, len(self.word_ids))
        num_steps, num_rows = windows[0].inputs.shape
        char_ids = None
        if self.max_characters is not None:
            char_ids = torch.from_numpy(self.corpus.types.char_rows(types, self.max_characters))
        return TextBatch(
            inputs=tuple(torch.from_numpy(part) for part in np.split(rows, len(windows))),
            batch_sizes=(num_rows,) * num_steps,
            char_ids=char_ids,
            word_ids=torch.from_numpy(self.word_ids[types]),
            targets=tuple(torch.from_numpy(self.word_ids[window.targets].ravel()) for window in windows),
            types=types,
            target_types=tuple(window.targets for window in windows),
            is_counted=windows[0].is_counted,
            sentences=sentences,
        )


def _distinct(ids: np.ndarray, num_ids: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted distinct ids, and the place of each id among them, as ``np.unique`` does.

    A table of all ids, of which only the entries of these are used, is several times faster than sorting.
    """
    table = np.empty(num_ids, np.int64)
    places = np.arange(len(ids))
    table[ids] = places
    distinct = np.sort(ids[table[ids] == places])  # one occurrence of each
    table[distinct] = np.arange(len(distinct))
    return distinct, table[ids]
