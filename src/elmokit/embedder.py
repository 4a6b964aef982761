"""Sentences in, vectors out."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from elmokit.data.length_batches import batches_by_length
from elmokit.data.read import read_lines
from elmokit.data.sentences import tokenized
from elmokit.errors import ConfigError
from elmokit.files.atomic import new_file
from elmokit.formats.hdf5_writer import Hdf5Writer
from elmokit.loading import load
from elmokit.model.batching import encode_words, run_sentences
from elmokit.model.bilm import BiLMState
from elmokit.model.device import find_device
from elmokit.model.lstm.interface import LstmState
from elmokit.pretrained import PretrainedModel

Layers: TypeAlias = Literal["all", "top", "average"] | int

_CACHED_TYPES = 20_000
WORDS_PER_CHUNK = 2048
"""Number of words that :meth:`ElmoEmbedder.encode_chunks` encodes at a time."""


class ElmoEmbedder:
    """Contextual word vectors from a trained biLM.

    Every sentence starts from a zero LSTM state: the vectors of a sentence depend on nothing but the
    sentence, neither on padding, batch size and order nor on what was embedded before.

    Args:
        pretrained: the model.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        token_table: precomputed token vectors (P,) by word, see
            :func:`elmokit.formats.token_embeddings.read_token_table`; other words are spelled.

    Raises:
        ModelFileError: when a model with word embeddings comes without its vocabulary.
        ConfigError: when there is no such device, or the table's vectors have another width.
    """

    def __init__(
        self,
        pretrained: PretrainedModel,
        *,
        device: str = "cpu",
        token_table: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.pretrained = pretrained
        place = find_device(device)
        self.model = pretrained.model if pretrained.model.device == place else pretrained.model.copy_to(place)
        self._indexer = pretrained.indexer
        self._token_table = token_table
        if token_table:
            width, dim = len(next(iter(token_table.values()))), pretrained.config.model.lstm.projection_dim
            if width != dim:
                raise ConfigError(
                    f"token_table: vectors of width {width}, expected {dim}: they are of another model"
                )
        self._cache: dict[str, Tensor] = {}

    @classmethod
    def load(cls, model: str | Path, *, device: str = "cpu") -> ElmoEmbedder:
        """Load a model from anything that :func:`elmokit.load` reads."""
        return cls(load(model), device=device)

    @classmethod
    def from_pretrained(cls, model: str | Path, *, device: str = "cpu") -> ElmoEmbedder:
        """Load a model; the same as :meth:`load`, under the name that Hugging Face uses."""
        return cls.load(model, device=device)

    @property
    def num_layers(self) -> int:
        """L, the token layer included."""
        return 1 + self.pretrained.config.model.lstm.num_layers

    @property
    def dim(self) -> int:
        """D, the width of a vector."""
        config = self.pretrained.config.model
        return config.num_directions * config.lstm.projection_dim

    @cached_property
    def fingerprint(self) -> str:
        """Of all that the vectors depend on: the same for the same model, wherever it lies."""
        pretrained = self.pretrained
        digest = hashlib.blake2b(repr(pretrained.config.model).encode(), digest_size=16)
        tensors = [*self.model.named_parameters(), *sorted((self._token_table or {}).items())]
        for name, tensor in tensors:
            if not name.startswith("softmax."):  # a model may come with it or without
                digest.update(f"{name} {tuple(tensor.shape)}".encode(errors="surrogatepass"))
                digest.update(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).data)
        if pretrained.lexicon is not None:
            digest.update(repr(pretrained.lexicon).encode(errors="surrogatepass"))
        elif pretrained.config.model.char_cnn is None:
            digest.update("\n".join(pretrained.require_vocabulary().words).encode())
        return digest.hexdigest()

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
        numbers = self._layer_numbers(layers)

        def embed_batch(batch: list[list[str]]) -> list[np.ndarray]:
            found, _ = self.run(batch, layers=numbers)
            if layers == "all":
                return self._vectors(batch, found)
            # The sum is rounded in the order of the layers, as NumPy's mean does.
            chosen = sum(found[1:], found[0].float()) / len(found) if layers == "average" else found[0]
            return [vectors[0] for vectors in self._vectors(batch, [chosen])]

        return batches_by_length(tokenized(sentences), embed_batch, batch_size)

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

    def _layer_numbers(self, layers: Layers) -> list[int] | None:
        """Return the numbers of the layers to compute; None for all of them."""
        if layers in ("all", "average"):
            return None
        number = self.num_layers - 1 if layers == "top" else layers
        if not isinstance(number, int) or not -self.num_layers <= number < self.num_layers:
            raise ConfigError(
                f"layers: expected all, top, average or 0 to {self.num_layers - 1}, got {layers!r}"
            )
        return [number % self.num_layers]

    def zero_state(self, num_slots: int) -> BiLMState:
        """The state of ``num_slots`` batch slots that have read nothing, for :meth:`embed_statefully`."""
        return self.model.zero_state(num_slots)

    def embed_statefully(
        self, sentences: Sequence[Sequence[str]], state: BiLMState
    ) -> tuple[list[np.ndarray], BiLMState]:
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
        num_sentences = len(sentences)
        own = [
            [LstmState(s.cell[:num_sentences], s.hidden[:num_sentences]) for s in layers] for layers in state
        ]
        layers_of_batch, changed_state = self.run(sentences, own)
        assert changed_state is not None
        new_state = [
            [
                LstmState(
                    *(torch.cat(parts) for parts in zip(changed, _rest(kept, num_sentences), strict=True))
                )
                for changed, kept in zip(changed_layers, kept_layers, strict=True)
            ]
            for changed_layers, kept_layers in zip(changed_state, state, strict=True)
        ]
        return self._vectors(sentences, layers_of_batch), new_state

    @torch.inference_mode()
    def run(
        self,
        sentences: Sequence[Sequence[str]],
        state: BiLMState | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> tuple[list[Tensor], BiLMState | None]:
        """Return the layers of one batch of sentences as the model computes them, with sentence markers.

        Args:
            sentences: lists of tokens, without the markers.
            state: of each direction's layers, a row per sentence; None to start from zero.
            layers: numbers of the layers to return, the token layer being 0; None for all of them. Layers
                above the highest of them are not computed, unless there is a state.

        Returns:
            The layers, each (M, D) for the M tokens and markers of all sentences one after the other, on the
            embedder's device, and the new state where one was given.
        """
        bos, eos = self._indexer.bos, self._indexer.eos
        marked = [[bos, *sentence, eos] for sentence in sentences]
        types = sorted({word for sentence in marked for word in sentence})
        index_of = {word: k for k, word in enumerate(types)}
        vectors = self.encode(types)  # (U, P)
        ids = torch.tensor(
            [index_of[word] for sentence in marked for word in sentence], device=vectors.device
        )
        lengths = [len(sentence) for sentence in marked]
        return run_sentences(self.model, vectors, ids, lengths, state, layers=layers)

    @torch.inference_mode()
    def encode(self, words: Sequence[str]) -> Tensor:
        """Context-free token vectors (len(words), P); those of frequent words are kept from call to call."""
        if not words:
            return torch.zeros(0, self.pretrained.config.model.lstm.projection_dim, device=self.model.device)
        new = [word for word in dict.fromkeys(words) if word not in self._cache]
        if len(self._cache) + len(new) > _CACHED_TYPES:
            self._cache.clear()
            new = list(dict.fromkeys(words))
        if self._token_table is not None:
            known = [word for word in new if word in self._token_table]
            self._cache.update({word: self._token_table[word].to(self.model.device) for word in known})
            new = [word for word in new if word not in self._cache]
        if new:
            vectors = encode_words(self.model, *self._indexer.index(new))
            self._cache.update(zip(new, vectors, strict=True))
        return torch.stack([self._cache[word] for word in words])

    def encode_chunks(self, words: Iterable[str]) -> Iterator[np.ndarray]:
        """Yield the context-free token vectors of any number of words, in bounded memory.

        Args:
            words: the words, read as they are needed.

        Yields:
            (n, P) float32 arrays for the next ``n <= WORDS_PER_CHUNK`` words, in order.
        """
        remaining = iter(words)
        while chunk := list(itertools.islice(remaining, WORDS_PER_CHUNK)):
            yield self.encode(chunk).float().cpu().numpy()

    def _vectors(self, sentences: Sequence[Sequence[str]], layers: list[Tensor]) -> list[np.ndarray]:
        """(L, n_tokens, D) for each sentence of a batch, without its markers."""
        stacked = torch.stack(layers).float().cpu().numpy()  # (L, M, D)
        ends = np.cumsum([len(sentence) + 2 for sentence in sentences])
        # A copy each: who keeps one sentence does not keep its batch.
        return [
            np.ascontiguousarray(stacked[:, end - len(sentence) - 1 : end - 1])
            for sentence, end in zip(sentences, ends, strict=True)
        ]


def _rest(state: LstmState, start: int) -> LstmState:
    """The state of the slots from ``start`` on."""
    return LstmState(state.cell[start:], state.hidden[start:])
