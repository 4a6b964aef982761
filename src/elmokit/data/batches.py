"""Corpus to batches: rows that read sentence after sentence, window after window.

B rows read side by side. Whenever a row has come to the end of its sentence it takes the next one from a
queue; a window is the next T steps of every row. Sentence ``<S> w1 … wn </S>`` gives n + 1 predictions: the
inputs are all but the last token and the targets all but the first, so ``</S>`` is only ever a target and
``<S>`` follows it directly. The backward direction reads the same sentences from their end. Because a
sentence has the same length in either direction, both have the same rows at the same positions, and one small
state describes the position of the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from elmokit.batch import Batch
from elmokit.data.corpus import Corpus
from elmokit.data.replay import CorpusWithReplay


@dataclass(frozen=True)
class Window:
    """T steps of B rows in one direction, time-major."""

    inputs: np.ndarray
    """(T, B) int64 type ids."""
    targets: np.ndarray
    """(T, B) int64 type ids."""
    is_counted: np.ndarray
    """(T, B) bool; False where a row has run out of text or its target is not to be counted."""


@dataclass(frozen=True, kw_only=True)
class TextBatch(Batch):
    """A window of text as the model reads it, and what is known of its text."""

    targets: tuple[Tensor, ...]
    """One (T·B,) int64 tensor per direction: vocabulary ids to predict."""
    types: np.ndarray
    """(U,) type ids, increasing."""
    target_types: tuple[np.ndarray, ...]
    """Per direction (T, B): type ids of the targets."""
    is_counted: np.ndarray
    """(T, B) bool, the same for both directions; False where a row has run out of text or its target is not
    to be counted."""
    sentences: tuple[int, ...]
    """The corpus lines that the window touches, increasing."""


NextSentence = Callable[[int], int | None]
"""Returns the sentence that a row reads next, or None when there is none left."""


class RowReader:
    """Reads a corpus with B rows side by side: sentence after sentence, window after window.

    Args:
        corpus: the text.
        num_rows: B.
        bidirectional: whether to give windows of the backward direction too.
        first_counted: the first sentence of each row whose targets count; those before it only warm up the
            row's state.
    """

    def __init__(
        self,
        corpus: Corpus | CorpusWithReplay,
        num_rows: int,
        *,
        bidirectional: bool,
        first_counted: Sequence[int] | None = None,
    ) -> None:
        self._corpus = corpus
        self._bidirectional = bidirectional
        self.num_rows = num_rows
        self._first_counted = [0] * num_rows if first_counted is None else list(first_counted)
        self._sentence = [-1] * num_rows  # that each row is in; -1 before the first
        self._position = [0] * num_rows  # of its next input within the sentence
        self._tokens: list[np.ndarray | None] = [None] * num_rows

    def read(self, num_steps: int, next_sentence: NextSentence) -> tuple[list[Window], tuple[int, ...]]:
        """Return the next window of each direction, and the sentences that it touches."""
        shape = (num_steps, self.num_rows)
        windows = [
            Window(np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, bool))
            for _ in range(1 + self._bidirectional)
        ]
        touched: set[int] = set()
        for row in range(self.num_rows):
            step = 0
            while step < num_steps:
                tokens = self._tokens[row]
                if tokens is None or self._position[row] >= len(tokens) - 1:
                    sentence = next_sentence(row)
                    if sentence is None:
                        self._tokens[row] = None
                        break
                    tokens = self._enter(row, sentence, position=0)
                touched.add(self._sentence[row])
                start = self._position[row]
                length = min(len(tokens) - 1 - start, num_steps - step)
                end, stop = start + length, step + length
                for window, reading in zip(windows, (tokens, tokens[::-1]), strict=False):
                    window.inputs[step:stop, row] = reading[start:end]
                    window.targets[step:stop, row] = reading[start + 1 : end + 1]
                    window.is_counted[step:stop, row] = self._sentence[row] >= self._first_counted[row]
                self._position[row], step = end, stop
        return windows, tuple(sorted(touched))

    def _enter(self, row: int, sentence: int, *, position: int) -> np.ndarray:
        tokens = self._corpus.sentence(sentence)
        self._sentence[row], self._position[row], self._tokens[row] = sentence, position, tokens
        return tokens

    def state_dict(self) -> dict[str, Any]:
        """Return the position of each row."""
        return {"sentence": list(self._sentence), "place": list(self._position)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to the position of another reader of the same corpus."""
        for row, (sentence, position) in enumerate(zip(state["sentence"], state["place"], strict=True)):
            if sentence >= 0:
                self._enter(row, sentence, position=position)
