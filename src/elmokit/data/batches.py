"""From a corpus to batches: rows that read sentence after sentence, window after window.

The B rows of a batch read in parallel. When a row reaches the end of its sentence, it takes the next one from
a queue; a window is the next T steps of every row. Sentence ``<S> w1 … wn </S>`` gives n + 1 predictions: the
inputs are all tokens but the last and the targets all but the first, so ``</S>`` is only a target and is
followed directly by ``<S>``. The backward direction reads the same sentences from their end. Because a
sentence has the same length in both directions, a row is in the same sentence in both, and one small state
describes the position of the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
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
    """(T, B) bool; False if a row has run out of text or its target does not count."""


@dataclass(frozen=True, kw_only=True)
class TextBatch(Batch):
    """A window of text as input of the model, and where it is from."""

    targets: tuple[Tensor, ...]
    """One (T·B,) int64 tensor per direction: vocabulary ids to predict."""
    types: np.ndarray
    """(U,) int64 distinct type ids of the inputs, sorted."""
    target_types: tuple[np.ndarray, ...]
    """One (T, B) int64 array per direction: type ids of the targets."""
    is_counted: np.ndarray
    """(T, B) bool, the same for both directions; False if a row has run out of text or its target does not
    count."""
    sentences: tuple[int, ...]
    """Indices of the corpus lines that the window overlaps, sorted."""

    def split(self, num_parts: int) -> Iterator[Self]:
        """Divide a batch of full rows into parts of the same number of adjacent rows.

        Each part contains its own word types only. ``sentences`` remain those of the whole batch.

        Args:
            num_parts: by which the number of rows is divisible; 1 yields the batch itself.
        """
        if num_parts == 1:
            yield self
            return
        num_steps, num_rows = self.is_counted.shape
        size = num_rows // num_parts
        for start in range(0, num_rows, size):
            rows = slice(start, start + size)

            def select(values: Tensor, rows: slice = rows) -> Tensor:  # (T·B,) → (T·b,)
                return values.view(num_steps, num_rows)[:, rows].reshape(-1).contiguous()

            inputs = torch.cat([select(values) for values in self.inputs])
            used, places = torch.unique(inputs, return_inverse=True)
            yield replace(
                self,
                inputs=places.chunk(len(self.inputs)),
                batch_sizes=(size,) * num_steps,
                char_ids=None if self.char_ids is None else self.char_ids[used],
                word_ids=None if self.word_ids is None else self.word_ids[used],
                targets=tuple(map(select, self.targets)),
                types=self.types[used.cpu().numpy()],
                target_types=tuple(values[:, rows] for values in self.target_types),
                is_counted=self.is_counted[:, rows],
            )


NextSentence = Callable[[int], int | None]
"""Called with the number of a row: returns the sentence it reads next, or None if there is none left."""


class _Pieces(NamedTuple):
    """Parts of sentences that are read in one window; all are (num_pieces,) int64."""

    row: np.ndarray
    step: np.ndarray
    """Step of the window at which the piece begins."""
    sentence: np.ndarray
    position: np.ndarray
    """Index of the first input in its sentence."""
    length: np.ndarray
    """Number of inputs."""
    sentence_length: np.ndarray
    """Number of inputs in the whole sentence."""


class RowReader:
    """Reads a corpus in B parallel rows: sentence after sentence, window after window.

    Args:
        corpus: The text.
        num_rows: Number B of batch rows.
        bidirectional: Return a window of the backward direction as well.
        first_counted: The first sentence of each row whose targets count; the sentences before it only warm
            up the row's LSTM state. By default, all sentences count.
        rows: The adjacent rows whose text is returned; by default all. The others advance as well, since
            all rows take their sentences from one queue.
    """

    def __init__(
        self,
        corpus: Corpus | CorpusWithReplay,
        num_rows: int,
        *,
        bidirectional: bool,
        first_counted: Sequence[int] | None = None,
        rows: range | None = None,
    ) -> None:
        self._corpus = corpus
        self._bidirectional = bidirectional
        self.num_rows = num_rows
        self._returned = range(num_rows) if rows is None else rows
        self._first_counted = (
            np.zeros(num_rows, np.int64) if first_counted is None else np.array(first_counted)
        )
        self._sentence = [-1] * num_rows  # index of each row's sentence; -1 before the first
        self._position = [0] * num_rows  # index of each row's next input in its sentence
        self._length = [0] * num_rows  # inputs in each row's sentence

    def read(self, num_steps: int, next_sentence: NextSentence) -> tuple[list[Window], tuple[int, ...]]:
        """Return the next window of each direction, and the sentences that it overlaps.

        A window has the columns of the rows that are returned.

        Args:
            num_steps: Number T of steps.
            next_sentence: Called when a row needs its next sentence.
        """
        pieces = self._advance(num_steps, next_sentence)
        shape = (num_steps, len(self._returned))
        # The flat place of each token in a window: the steps of a piece are a row of the window apart.
        ends = np.cumsum(pieces.length)
        first_places = pieces.step * shape[1] + pieces.row - self._returned.start
        places = np.repeat(first_places - (ends - pieces.length) * shape[1], pieces.length)
        places += np.arange(0, len(places) * shape[1], shape[1])
        is_counted = np.zeros(shape, bool)
        counts = pieces.sentence >= self._first_counted[pieces.row]
        is_counted.ravel()[places] = np.repeat(counts, pieces.length)
        # A piece's targets are its inputs moved by one: it is read with one place more.
        after = ends + np.arange(len(ends))
        is_input, is_target = np.ones((2, len(places) + len(ends)), bool)
        is_input[after] = is_target[after - pieces.length] = False

        def window(starts: np.ndarray, step: int) -> Window:
            types = self._corpus.spans(pieces.sentence, starts, pieces.length + 1, step)
            inputs, targets = np.zeros((2, *shape), np.int64)
            inputs.ravel()[places] = types[is_input]
            targets.ravel()[places] = types[is_target]
            return Window(inputs, targets, is_counted)

        windows = [window(pieces.position, 1)]
        if self._bidirectional:
            windows.append(window(pieces.sentence_length - pieces.position, -1))
        return windows, tuple(sorted(set(pieces.sentence.tolist())))

    def _advance(self, num_steps: int, next_sentence: NextSentence) -> _Pieces:
        """Move all rows by a window, and return what the returned ones read."""
        pieces: list[int] = []  # the numbers of one piece after those of the other
        first, end = self._returned.start, self._returned.stop
        lengths, positions, sentences = self._length, self._position, self._sentence
        for row in range(self.num_rows):
            step, position, length = 0, positions[row], lengths[row]
            while step < num_steps:
                if position >= length:
                    sentence = next_sentence(row)
                    if sentence is None:
                        position = length = 0
                        break
                    sentences[row] = sentence
                    position, length = 0, self._corpus.length(sentence) + 1  # its end is predicted as well
                num_read = min(length - position, num_steps - step)
                if first <= row < end:
                    pieces += (row, step, sentences[row], position, num_read, length)
                position += num_read
                step += num_read
            positions[row], lengths[row] = position, length
        return _Pieces(*np.array(pieces, np.int64).reshape(-1, 6).T)

    def state_dict(self) -> dict[str, Any]:
        """Return the position of each row."""
        return {"sentence": list(self._sentence), "place": list(self._position)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the position of another reader of the same corpus."""
        for row, (sentence, position) in enumerate(zip(state["sentence"], state["place"], strict=True)):
            if sentence >= 0:
                self._sentence[row], self._position[row] = sentence, position
                self._length[row] = self._corpus.length(sentence) + 1
