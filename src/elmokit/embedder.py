"""Sentences in, vectors out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.atomic import new_file
from elmokit.bundle import PretrainedModel, load_model
from elmokit.data.characters import boundary_rows, char_rows, word_bytes
from elmokit.data.text import read_lines
from elmokit.data.vocabulary import BOS, EOS
from elmokit.errors import ConfigError, ElmokitError, ModelFileError
from elmokit.formats.hdf5_writer import Hdf5Writer
from elmokit.model.bilm import DirectionState
from elmokit.model.device import find_device
from elmokit.model.projected_lstm import LstmState

Layers: TypeAlias = Literal["all", "top", "average"] | int

_SORTED_BATCHES = 16  # batches read ahead, to be sorted by length
# Rows of a matrix product come out the same whatever the number of rows, but for a few small numbers
# of them; whole tiles keep a sentence's vectors independent of what else is in the batch.
_TILE = 16
_WINDOW_POSITIONS = 8192  # bounds memory, however long a sentence is
_CACHED_TYPES = 20_000


class ElmoEmbedder:
    """Contextual word vectors from a trained biLM.

    Every sentence starts from a zero LSTM state: the vectors of a sentence depend on nothing but the
    sentence, neither on padding, batch size and order nor on what was embedded before.

    Args:
        pretrained: the model.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelFileError: when a model with word embeddings comes without its vocabulary.
        ConfigError: when there is no such device.
    """

    def __init__(self, pretrained: PretrainedModel, *, device: str = "cpu") -> None:
        self.pretrained = pretrained
        self.model = pretrained.model.to(find_device(device))
        self._char_cnn = pretrained.config.model.char_cnn
        if self._char_cnn is None and pretrained.vocabulary is None:
            raise ModelFileError(
                f"{pretrained.source}: a model with word embeddings needs vocab.txt beside it"
            )
        self._cache: dict[str, Tensor] = {}

    @classmethod
    def load(cls, path: str | Path, *, device: str = "cpu") -> ElmoEmbedder:
        """Load a model from anything :func:`elmokit.bundle.load_model` reads."""
        return cls(load_model(path), device=device)

    @property
    def num_layers(self) -> int:
        """L, the token layer included."""
        return 1 + self.pretrained.config.model.lstm.num_layers

    @property
    def dim(self) -> int:
        """D, the width of a vector."""
        config = self.pretrained.config.model
        return config.num_directions * config.lstm.projection_dim

    def embed(
        self, sentences: Iterable[str | Sequence[str]], layers: Layers = "all", *, batch_size: int = 64
    ) -> list[np.ndarray]:
        """Vectors of many sentences.

        Args:
            sentences: lists of tokens, or plain strings, which are split on white space.
            layers: ``all``, ``top``, ``average`` over the layers, or the number of one layer, the
                context-free token layer being 0.
            batch_size: sentences that are run together.

        Returns:
            One float32 array per sentence, in order: (L, n_tokens, D) for ``all``, else
            (n_tokens, D).

        Raises:
            ConfigError: when there is no such layer.
            ElmokitError: when ``sentences`` is a single string.
        """
        return list(self.iter_embed(sentences, layers, batch_size=batch_size))

    def iter_embed(
        self, sentences: Iterable[str | Sequence[str]], layers: Layers = "all", *, batch_size: int = 64
    ) -> Iterator[np.ndarray]:
        """As :meth:`embed`, one result at a time, for any number of sentences."""
        if isinstance(sentences, str):
            raise ElmokitError(
                f"expected a list of sentences, got the single string {sentences[:40]!r}: put it in a list"
            )
        if batch_size < 1:
            raise ConfigError(f"batch_size: expected at least 1, got {batch_size}")
        select = self._selection(layers)
        tokenized = (
            sentence.split() if isinstance(sentence, str) else list(sentence) for sentence in sentences
        )
        while chunk := list(itertools.islice(tokenized, _SORTED_BATCHES * batch_size)):
            order = sorted(range(len(chunk)), key=lambda k: len(chunk[k]), reverse=True)
            vectors: list[np.ndarray | None] = [None] * len(chunk)
            for start in range(0, len(order), batch_size):
                members = order[start : start + batch_size]
                embedded, _ = self._embed_batch([chunk[k] for k in members])
                for k, sentence_vectors in zip(members, embedded, strict=True):
                    vectors[k] = select(sentence_vectors)
            for vector in vectors:
                assert vector is not None
                yield vector

    def embed_file(
        self,
        text: str | Path,
        output: str | Path,
        layers: Layers = "all",
        *,
        batch_size: int = 64,
        on_bytes: Callable[[int], None] | None = None,
    ) -> int:
        """Write the vectors of a file of tokenized sentences to HDF5, in bounded memory.

        One dataset per line, its key the line's number from 0, with the shapes of :meth:`embed`; an
        empty line has no tokens.

        Args:
            text: the input, one sentence a line.
            output: the HDF5 file, which appears when it is complete.
            layers: see :meth:`embed`.
            batch_size: sentences that are run together.
            on_bytes: told how many bytes of the text have been read, as they are.

        Returns:
            The number of lines.

        Raises:
            TextError: when the text cannot be read.
            OutputError: when the file cannot be written.
        """
        num_lines = 0
        with new_file(Path(output)) as temporary, Hdf5Writer(temporary) as file:
            for vectors in self.iter_embed(read_lines(str(text), on_bytes), layers, batch_size=batch_size):
                file.write(str(num_lines), vectors)
                num_lines += 1
        return num_lines

    def _selection(self, layers: Layers) -> Callable[[np.ndarray], np.ndarray]:
        if layers == "all":
            return lambda vectors: vectors
        if layers == "average":
            return lambda vectors: vectors.mean(axis=0)
        number = self.num_layers - 1 if layers == "top" else layers
        if not isinstance(number, int) or not -self.num_layers <= number < self.num_layers:
            raise ConfigError(
                f"layers: expected all, top, average or 0 to {self.num_layers - 1}, got {layers!r}"
            )
        return lambda vectors: vectors[number].copy()

    def zero_state(self, num_slots: int) -> list[DirectionState]:
        """The state of ``num_slots`` batch slots that have read nothing, for :meth:`embed_statefully`."""
        return self.model.zero_state(num_slots)

    def embed_statefully(
        self, sentences: Sequence[Sequence[str]], state: list[DirectionState]
    ) -> tuple[list[np.ndarray], list[DirectionState]]:
        """Embed one batch as bilm-tf and AllenNLP do, each slot going on from its last sentence's state.

        The k-th sentence of every batch belongs to slot k; slots without a sentence keep their state.
        The same sentence gives other vectors the second time, which is why :meth:`embed` does not do
        this.

        Args:
            sentences: lists of tokens, at most as many as there are slots.
            state: from :meth:`zero_state` or the call before.

        Returns:
            (L, n_tokens, D) for each sentence, and the new state.
        """
        order = sorted(range(len(sentences)), key=lambda k: len(sentences[k]), reverse=True)
        own = [[LstmState(s.cell[order], s.hidden[order]) for s in layers] for layers in state]
        vectors, own = self._embed_batch([list(sentences[k]) for k in order], own)
        new_state = []
        for layers, changed_layers in zip(state, own, strict=True):
            new_state.append([LstmState(s.cell.clone(), s.hidden.clone()) for s in layers])
            for layer, changed in zip(new_state[-1], changed_layers, strict=True):
                layer.cell[order], layer.hidden[order] = changed.cell, changed.hidden
        return [vectors[order.index(k)] for k in range(len(order))], new_state

    @torch.inference_mode()
    def _embed_batch(
        self, sentences: list[list[str]], state: list[DirectionState] | None = None
    ) -> tuple[list[np.ndarray], list[DirectionState]]:
        """(L, n_tokens, D) for each sentence, which come sorted by falling length, and the new state.

        Without a ``state`` all lanes start from zero, and idle lanes fill up whole tiles.
        """
        tile = _TILE if state is None else 1
        lengths = [len(sentence) for sentence in sentences]
        types = sorted({word for sentence in sentences for word in sentence} - {BOS, EOS})
        place = {word: k for k, word in enumerate((BOS, EOS, *types))}
        vectors = self._encode([BOS, EOS, *types])  # (U, P)

        num_steps, num_lanes = lengths[0] + 2, _whole(tile, len(sentences))
        active = (np.array(lengths) + 2 > np.arange(num_steps)[:, None]).sum(axis=1)
        lanes_at = [_whole(tile, int(count)) for count in active]
        is_present = np.arange(num_lanes) < np.array(lanes_at)[:, None]  # (T, B)
        # Where each (step, lane) lies in the packed layout.
        packed = np.cumsum(is_present).reshape(is_present.shape) - 1
        results = [np.empty((self.num_layers, length, self.dim), dtype=np.float32) for length in lengths]
        new_state = []
        projection_dim = vectors.shape[1]
        for direction, lanes_state in enumerate(state or self.model.zero_state(num_lanes)):
            inputs = np.zeros((num_steps, num_lanes), dtype=np.int64)
            for lane, sentence in enumerate(sentences):
                ids = [place[word] for word in (BOS, *sentence, EOS)]
                inputs[: len(ids), lane] = ids[:: -1 if direction else 1]
            tokens = F.embedding(torch.from_numpy(inputs[is_present]).to(vectors.device), vectors)  # (N, P)
            outputs, final_state = self._run(direction, tokens, lanes_at, lanes_state)
            new_state.append(final_state)
            columns = slice(direction * projection_dim, (direction + 1) * projection_dim)
            for layer, values in enumerate([tokens, *outputs]):
                array = values.float().cpu().numpy()
                for lane, (length, result) in enumerate(zip(lengths, results, strict=True)):
                    rows = packed[1 : length + 1, lane]
                    result[layer, :, columns] = array[rows[::-1] if direction else rows]
        return results, new_state

    def _run(
        self, direction: int, tokens: Tensor, lanes_at: list[int], state: DirectionState
    ) -> tuple[list[Tensor], DirectionState]:
        """The LSTM layers over all steps, a bounded number of positions at a time."""
        windows: list[list[Tensor]] = []
        start = first_step = 0
        while first_step < len(lanes_at):
            num_steps = max(1, _WINDOW_POSITIONS // lanes_at[first_step])
            window = lanes_at[first_step : first_step + num_steps]
            outputs, state = self.model.run(direction, tokens[start : start + sum(window)], window, state)
            windows.append(outputs)
            start, first_step = start + sum(window), first_step + num_steps
        return [torch.cat(layer) for layer in zip(*windows, strict=True)], state

    def _encode(self, words: list[str]) -> Tensor:
        """Token vectors (len(words), P); those of frequent words are kept from batch to batch."""
        new = [word for word in words if word not in self._cache]
        if len(self._cache) + len(new) > _CACHED_TYPES:
            self._cache.clear()
            new = words
        if new:
            padded = new + [BOS] * (_whole(_TILE, len(new)) - len(new))
            if self._char_cnn is not None:
                rows = self._char_rows(padded, self._char_cnn.max_characters)
                vectors = self.model.encode(torch.from_numpy(rows).to(self.model.device), None)
            else:
                assert self.pretrained.vocabulary is not None
                ids = torch.tensor([self.pretrained.vocabulary.id_of(word) for word in padded])
                vectors = self.model.encode(None, ids.to(self.model.device))
            self._cache.update(zip(new, vectors, strict=False))
        return torch.stack([self._cache[word] for word in words])

    @staticmethod
    def _char_rows(words: list[str], max_characters: int) -> np.ndarray:
        rows = char_rows([word_bytes(word) for word in words], max_characters)
        boundaries = dict(zip((BOS, EOS), boundary_rows(max_characters), strict=True))
        for k, word in enumerate(words):
            if word in boundaries:
                rows[k] = boundaries[word]
        return rows


def _whole(tile: int, count: int) -> int:
    return -(-count // tile) * tile
