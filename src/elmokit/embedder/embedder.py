"""The embedder: contextual word vectors of sentences."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor

from elmokit.arguments import checked, instance_of, one_of, whole_number
from elmokit.data.batches_by_length import batches_by_length, chunks_to_sort
from elmokit.data.read import read_lines
from elmokit.data.sentences import list_of_words, tokenized
from elmokit.embedder.fingerprints import encoder_fingerprint, fingerprint
from elmokit.embedder.token_tables import refuse_table_of_another_model
from elmokit.embedder.worker import EmbeddingWorker
from elmokit.errors import ElmokitError
from elmokit.files.atomic import refuse_inputs
from elmokit.files.home import expanded
from elmokit.formats.parquet_part import VectorLayout
from elmokit.formats.vector_choices import DEFAULT_FILE_BYTES, VectorType
from elmokit.formats.vector_files import WrittenVectors, write_vectors
from elmokit.loading import load
from elmokit.model.batching import encode_words, run_sentences
from elmokit.model.bilm import BiLMState
from elmokit.model.device import find_device
from elmokit.model.layer_choice import Layers, choose_layers, layer_indexes
from elmokit.model.parallel import without_barriers
from elmokit.model.parameter_version import ParameterVersion, parameter_version
from elmokit.model.pooling import Pooling, choose_pooling
from elmokit.model.state_rows import replace_first_rows, require_state, select_rows
from elmokit.model.token_cache import TokenCache
from elmokit.model.transfer import start_copy
from elmokit.pretrained import PretrainedModel
from elmokit.processes import chosen_number, ordered_map

__all__ = ["ElmoEmbedder", "Layers", "Pooling"]

ArrayType: TypeAlias = Literal["float32", "float16"]
"""Types of the arrays that vectors are returned in."""

WORDS_PER_CHUNK = 2048
"""Number of words that :meth:`ElmoEmbedder.encode_chunks` encodes at a time."""


class ElmoEmbedder:
    """Contextual word vectors from a trained biLM.

    Every sentence starts from a zero LSTM state, so its vectors depend only on the sentence: not on padding,
    batch size, order or sentences embedded earlier. If the parameters of :attr:`model` are changed, vectors
    are those of the new parameters. Only an edit of single values through ``parameter.data`` may be missed.

    It is pickled without the softmax and without the vectors that it keeps.

    Args:
        pretrained: the model, which is not modified. It is copied only to another device.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: of the matrix products: ``float32``, or ``bf16`` or ``int8``, which are faster where the
            processor has such products; docs/performance.md says how far vectors deviate.
        token_table: precomputed token vectors (P,) by word, see
            :func:`elmokit.formats.token_embeddings.read_token_table`. Other words go through the encoder.
        max_cached_types: number of word types whose token vectors are kept between calls.

    Raises:
        ModelFileError: if the vocabulary of a model with word embeddings is missing, or the table is a file
            of another model.
        ConfigError: if there is no such device, it does not have the precision, or the table's vectors have
            the wrong width.
    """

    @checked
    def __init__(
        self,
        pretrained: PretrainedModel,
        *,
        device: str | torch.device = "cpu",
        precision: str = "float32",
        token_table: Mapping[str, Tensor] | None = None,
        max_cached_types: int = 20_000,
    ) -> None:
        self.pretrained = instance_of("pretrained", pretrained, PretrainedModel, "a model of load()")
        self.model = pretrained.model.on(find_device(device)).in_precision(precision)
        self._indexer = pretrained.indexer
        self._token_table = {} if token_table is None else token_table
        refuse_table_of_another_model(self._token_table, pretrained, self.model)
        self._max_types = whole_number("max_cached_types", max_cached_types, least=0)
        self._cache = self._new_cache()
        self._fingerprint: tuple[ParameterVersion, str] | None = None

    def __repr__(self) -> str:
        precision = "" if self.model.precision == "float32" else f", precision={self.model.precision!r}"
        return (
            f"ElmoEmbedder({str(self.pretrained.source)!r}, num_layers={self.num_layers}, dim={self.dim}, "
            f"device={str(self.model.device)!r}{precision})"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and copied: without the softmax, which embedding does not need."""
        bare = self.pretrained.model.without_softmax()
        model = bare if self.model is self.pretrained.model else self.model.without_softmax()
        pretrained = dataclasses.replace(self.pretrained, model=bare, optimizer_state=None)
        return {**self.__dict__, "pretrained": pretrained, "model": model, "_fingerprint": None}

    @classmethod
    @checked
    def load(
        cls, model: str | Path, *, device: str | torch.device = "cpu", precision: str = "float32"
    ) -> ElmoEmbedder:
        """Load a model in any format that :func:`elmokit.load` reads."""
        return cls(load(model), device=device, precision=precision)

    @classmethod
    @checked
    def from_pretrained(
        cls, model: str | Path, *, device: str | torch.device = "cpu", precision: str = "float32"
    ) -> ElmoEmbedder:
        """Load a model; the same as :meth:`load`, under the name that Hugging Face uses."""
        return cls.load(model, device=device, precision=precision)

    @property
    def num_layers(self) -> int:
        """Number of layers L, including the token layer."""
        return 1 + self.pretrained.config.model.lstm.num_layers

    @property
    def dim(self) -> int:
        """Width D of a vector."""
        config = self.pretrained.config.model
        return config.num_directions * config.lstm.projection_dim

    @property
    def fingerprint(self) -> str:
        """Digest of everything that the vectors depend on, whatever the model's path and format."""
        version = parameter_version(self.model)
        if self._fingerprint is None or self._fingerprint[0] != version:
            self._fingerprint = version, fingerprint(self.pretrained, self.model, self._token_table)
        return self._fingerprint[1]

    @property
    def encoder_fingerprint(self) -> str:
        """Digest of everything that token vectors depend on, which files of token embeddings carry."""
        return encoder_fingerprint(self.pretrained, self.model)

    @checked
    def embed(
        self,
        sentences: Iterable[str | Sequence[str]],
        layers: Layers = "all",
        *,
        batch_size: int = 64,
        pooling: Pooling | None = None,
        dtype: ArrayType = "float32",
    ) -> list[np.ndarray]:
        """Embed sentences.

        Args:
            sentences: lists of tokens, or plain strings, which are split on whitespace.
            layers: ``all``, ``top``, ``average`` over the layers, or the index of one layer, 0 being the
                context-free token layer. Layers above the requested ones are not computed.
            batch_size: number of sentences to run together.
            pooling: one vector per sentence: the ``mean`` or ``max`` over its words, or the vector of its
                ``first`` or ``last`` word. A sentence without words gets zeros.
            dtype: of the arrays: ``float32``, or ``float16``, of which a GPU has half as much to copy.

        Returns:
            One array per sentence, in order: (L, n_tokens, D) for ``all``, otherwise
            (n_tokens, D). With ``pooling`` there is no axis of tokens.

        Raises:
            ConfigError: if there is no such layer, pooling or ``dtype``, or ``batch_size`` is not positive.
            ElmokitError: if ``sentences`` is a single string, or a sentence or token is not a string.
        """
        # All sentences are checked before the first is embedded.
        checked = list(tokenized(sentences))
        return list(self.iter_embed(checked, layers, batch_size=batch_size, pooling=pooling, dtype=dtype))

    @checked
    def iter_embed(
        self,
        sentences: Iterable[str | Sequence[str]],
        layers: Layers = "all",
        *,
        batch_size: int = 64,
        pooling: Pooling | None = None,
        dtype: ArrayType = "float32",
        num_processes: int = 1,
    ) -> Iterator[np.ndarray]:
        """Embed any number of sentences, yielding one result at a time; see :meth:`embed`.

        Args:
            sentences: see :meth:`embed`.
            layers: see :meth:`embed`.
            batch_size: see :meth:`embed`.
            pooling: see :meth:`embed`.
            dtype: see :meth:`embed`.
            num_processes: number of processes to compute in, each with the whole model; the results are the
                same. On CUDA, each takes the next of the devices. See :mod:`elmokit.processes` on scripts.
        """
        choice, pool = choose_layers(layers, self.num_layers), choose_pooling(pooling)
        one_of("dtype", dtype, get_args(ArrayType))
        if chosen_number(num_processes) > 1:
            embed = functools.partial(
                self.embed, layers=layers, batch_size=batch_size, pooling=pooling, dtype=dtype
            )
            worker = EmbeddingWorker(embed, self._use_device, self.model.device.type, num_processes)
            chunks = chunks_to_sort(tokenized(sentences), batch_size)
            return itertools.chain.from_iterable(ordered_map(worker, chunks, num_processes))

        @without_barriers()
        @torch.inference_mode()
        def embed_batch(batch: list[list[str]]) -> Iterable[np.ndarray]:
            vectors = choice.combine(self.run(batch, layers=choice.indexes)[0])
            if pooling is None:  # which is computed in float32
                vectors = vectors.to(getattr(torch, dtype))
            copied = start_copy(vectors)
            return (pool(own).astype(dtype, copy=False) for own in _split(batch, copied()))

        return batches_by_length(tokenized(sentences), embed_batch, batch_size)

    @checked
    def embed_file(
        self,
        text: str | Path,
        output: str | Path,
        layers: Layers = "all",
        *,
        batch_size: int = 64,
        dtype: VectorType = "float32",
        num_processes: int = 1,
        file_bytes: int = DEFAULT_FILE_BYTES,
        on_bytes: Callable[[int], None] | None = None,
    ) -> int:
        """Write the vectors of a file of tokenized sentences to HDF5 or Parquet, in bounded memory.

        HDF5 has one dataset per line, with the line number from 0 as its key and the shapes of
        :meth:`embed`. Parquet has one row per line, see :mod:`elmokit.formats.parquet_vectors`. An empty line
        has no tokens.

        Args:
            text: the input, one sentence per line.
            output: the HDF5 file, or with the suffix ``.parquet`` a directory of Parquet files; it appears
                once it is complete.
            layers: see :meth:`embed`.
            batch_size: number of sentences to run together.
            dtype: type of the stored values: ``float32``, ``float16``, or in Parquet ``int8``, with a scale
                per vector.
            num_processes: see :meth:`iter_embed`; the output is the same.
            file_bytes: approximate size of the largest Parquet file.
            on_bytes: called with the number of bytes of the text that have just been read.

        Returns:
            The number of lines.

        Raises:
            TextError: if the text cannot be read.
            OutputError: if the output cannot be written, or is the text, the model or of another kind.
            ConfigError: if there is no such layer, or HDF5 is to store int8.
            MissingExtraError: if pyarrow, which writes Parquet, is not installed.
        """
        return self.write_file(
            text,
            output,
            layers,
            batch_size=batch_size,
            dtype=dtype,
            num_processes=num_processes,
            file_bytes=file_bytes,
            on_bytes=on_bytes,
        ).num_lines

    def write_file(
        self,
        text: str | Path,
        output: str | Path,
        layers: Layers = "all",
        *,
        batch_size: int,
        dtype: VectorType,
        num_processes: int,
        file_bytes: int,
        on_bytes: Callable[[int], None] | None,
    ) -> WrittenVectors:
        """Do what :meth:`embed_file` does, and return more about it."""
        refuse_inputs(output, [text, self.pretrained.source])
        for_rows, for_vectors = itertools.tee(tokenized(read_lines(str(text), on_bytes)))
        vectors = self.iter_embed(for_vectors, layers, batch_size=batch_size, num_processes=num_processes)
        rows = zip(itertools.count(), for_rows, vectors, strict=False)
        return write_vectors(expanded(output), rows, self.layout(layers, dtype), file_bytes=file_bytes)

    @checked
    def layout(self, layers: Layers, dtype: VectorType) -> VectorLayout:
        """Return the description of vectors of this model that are written to files."""
        name = choose_layers(layers, self.num_layers).name
        one_of("dtype", dtype, get_args(VectorType))
        num_layers = self.num_layers if name == "all" else 1
        return VectorLayout(name, num_layers, self.dim, dtype, self.fingerprint)

    @checked
    def zero_state(self, num_slots: int) -> BiLMState:
        """Return the state of ``num_slots`` batch slots before any sentence, for :meth:`embed_statefully`."""
        return self.model.zero_state(whole_number("num_slots", num_slots, least=1))

    def embed_statefully(
        self, sentences: Iterable[str | Sequence[str]], state: BiLMState
    ) -> tuple[list[np.ndarray], BiLMState]:
        """Embed one batch as bilm-tf and AllenNLP do: each slot continues from its previous state.

        The k-th sentence of every batch belongs to slot k; slots without a sentence keep their state. The
        same sentence gives different vectors the second time, which is why :meth:`embed` does not do this.

        Args:
            sentences: lists of tokens or plain strings, at most as many as there are slots.
            state: the state from :meth:`zero_state` or from the previous call; it is not modified.

        Returns:
            An array (L, n_tokens, D) per sentence, and the new state.
        """
        sentences = list(tokenized(sentences))
        require_state(state, num_rows=len(sentences))
        layers, new_state = self.run(sentences, select_rows(state, slice(len(sentences))))
        assert new_state is not None
        vectors = choose_layers("all", self.num_layers).combine(layers)
        return _split(sentences, vectors.cpu().numpy()), replace_first_rows(state, new_state)

    @without_barriers()
    @torch.inference_mode()
    def run(
        self,
        sentences: Sequence[Sequence[str]],
        state: BiLMState | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> tuple[list[Tensor], BiLMState | None]:
        """Run one batch of sentences through the model and return its layers, sentence markers included.

        Args:
            sentences: lists of tokens, without the markers.
            state: the state of each direction's layers, one row per sentence; None to start from zero.
            layers: indexes of the layers to return; None for all. Higher layers are not computed, unless
                there is a state.

        Returns:
            The requested layers, each (M, D) for the M tokens and markers of all sentences one after the
            other, and the new state if one was given.

        Raises:
            ConfigError: if there is no such layer.
        """
        if state is not None:
            require_state(state)
        if layers is not None:
            layers = layer_indexes(layers, self.num_layers)
        bos, eos = self._indexer.bos, self._indexer.eos
        marked = [[bos, *sentence, eos] for sentence in tokenized(sentences)]
        types = sorted({word for sentence in marked for word in sentence})
        row_of = {word: row for row, word in enumerate(types)}
        vectors = self.encode(types)  # (U, P)
        ids = torch.tensor([row_of[word] for sentence in marked for word in sentence])
        ids = ids.to(vectors.device, non_blocking=True)
        lengths = [len(sentence) for sentence in marked]
        return run_sentences(self.model, vectors, ids, lengths, state, layers=layers)

    @torch.inference_mode()
    def encode(self, words: Sequence[str]) -> Tensor:
        """Return the context-free token vectors (len(words), P); recent words are cached."""
        words = list_of_words(words)
        if not words:
            return torch.zeros(0, self.pretrained.config.model.lstm.projection_dim, device=self.model.device)
        version = parameter_version(self.model.encoder)
        return self._cache.vectors(words, self._encode_types, version)

    def encode_chunks(self, words: Iterable[str]) -> Iterator[np.ndarray]:
        """Yield the context-free token vectors of any number of words, in bounded memory.

        Args:
            words: the words, read as they are needed.

        Yields:
            (n, P) float32 arrays for the next ``n <= WORDS_PER_CHUNK`` words, in order.
        """
        if isinstance(words, str):  # whose characters would be taken for words
            words = list_of_words(words)
        try:
            remaining = iter(words)
        except TypeError:
            raise ElmokitError(f"words: expected strings, got {type(words).__name__}") from None
        while chunk := list(itertools.islice(remaining, WORDS_PER_CHUNK)):
            yield self.encode(chunk).float().cpu().numpy()

    def _new_cache(self) -> TokenCache:
        return TokenCache(self._token_table, max_types=self._max_types, device=self.model.device)

    def _use_device(self, device: str) -> None:
        """Move to a device, in a process of its own."""
        self.model = self.model.on(find_device(device))
        self._cache = self._new_cache()

    def _encode_types(self, words: Sequence[str]) -> Tensor:
        return encode_words(self.model, *self._indexer.index(words))


def _split(sentences: Sequence[Sequence[str]], values: np.ndarray) -> list[np.ndarray]:
    """Return the vectors (…, n_tokens, D) of each sentence of a batch (…, M, D), without its markers."""
    ends = np.cumsum([len(sentence) + 2 for sentence in sentences])
    # Copies, so that keeping the vectors of one sentence does not keep those of its batch.
    return [
        values[..., end - len(sentence) - 1 : end - 1, :].copy()
        for sentence, end in zip(sentences, ends, strict=True)
    ]
