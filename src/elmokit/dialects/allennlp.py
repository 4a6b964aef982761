"""AllenNLP: ``Elmo``, ``batch_to_ids``, ``ScalarMix``, ``ElmoEmbedder`` and ``ElmoTokenEmbedder``.

They replace those of ``allennlp.modules.elmo``, ``allennlp.modules.scalar_mix`` and
``allennlp.commands.elmo``. ``Elmo`` is elmokit's own layer. Unlike in AllenNLP, every sentence starts from a
zero LSTM state.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from elmokit import embedder
from elmokit.arguments import checked, described, is_list, one_of, strings, whole_number, yes_or_no
from elmokit.data.sentences import list_of_words
from elmokit.dialects.padding import pad
from elmokit.elmo import Elmo, batch_to_ids
from elmokit.errors import ConfigError, TextError
from elmokit.files.home import expanded
from elmokit.formats.sentence_vectors import write_sentence_vectors
from elmokit.loading import load
from elmokit.model.layer_choice import Layers
from elmokit.model.scalar_mix import ScalarMix

__all__ = [
    "ELMoTokenCharactersIndexer",
    "Elmo",
    "ElmoEmbedder",
    "ElmoTokenEmbedder",
    "ScalarMix",
    "batch_to_ids",
]

_DEFAULT_MODEL = "original"
_MAX_LISTED = 20  # lines that an error message lists
_OUTPUT_FORMATS = ("all", "top", "average")


class ELMoTokenCharactersIndexer:
    """Converts tokens to the character ids that :class:`ElmoTokenEmbedder` takes.

    Args:
        namespace: has no effect; the ids depend only on the characters.
    """

    def __init__(self, namespace: str = "elmo_characters") -> None:
        self.namespace = namespace

    def __repr__(self) -> str:
        return f"ELMoTokenCharactersIndexer(namespace={self.namespace!r})"

    def tokens_to_indices(
        self, tokens: Sequence[Any], vocabulary: object = None, index_name: str = "elmo_tokens"
    ) -> dict[str, list[list[int]]]:
        """Return ``{index_name: ids}`` with a list of 50 character ids per token.

        Args:
            tokens: strings, or objects with an attribute ``text``; or a plain string, which is split on
                whitespace.
            vocabulary: has no effect.
            index_name: key of the result, as in AllenNLP before 1.0.

        Raises:
            ElmokitError: if a token is something else.
        """
        if isinstance(tokens, str):
            words = tokens.split()
        elif not is_list(tokens):
            raise ConfigError(f"tokens: expected a list of tokens, got {described(tokens)}")
        else:
            words = list_of_words((getattr(token, "text", token) for token in tokens), "tokens")
        return {index_name: batch_to_ids([words])[0].tolist() if words else []}


class ElmoTokenEmbedder(nn.Module):
    """A token embedder with one mixture of the layers, optionally projected.

    Args:
        options_file: path or URL of an ``options.json``.
        weight_file: path or URL of HDF5 weights, or a model in any format that :func:`elmokit.load` reads.
        do_layer_norm: normalize the layers before mixing.
        dropout: of the representation.
        requires_grad: whether the biLM is trained as well.
        projection_dim: width of a linear projection; None for none.
        vocab_to_cache: words whose vectors are computed once.
        scalar_mix_parameters: fixed weights of the layers; None to train them.
    """

    @checked
    def __init__(
        self,
        options_file: str | Path,
        weight_file: str | Path,
        do_layer_norm: bool = False,
        dropout: float = 0.5,
        requires_grad: bool = False,
        projection_dim: int | None = None,
        vocab_to_cache: list[str] | None = None,
        scalar_mix_parameters: list[float] | None = None,
    ) -> None:
        super().__init__()
        self._elmo = Elmo(
            options_file,
            weight_file,
            1,
            do_layer_norm=do_layer_norm,
            dropout=dropout,
            requires_grad=requires_grad,
            vocab_to_cache=vocab_to_cache,
            scalar_mix_parameters=scalar_mix_parameters,
        )
        dim = self._elmo.get_output_dim()
        if projection_dim is not None:
            projection_dim = whole_number("projection_dim", projection_dim, least=1)
        self._projection = None if projection_dim is None else nn.Linear(dim, projection_dim)
        self.output_dim = dim if projection_dim is None else projection_dim

    def __repr__(self) -> str:
        return f"ElmoTokenEmbedder({self._elmo!r}, output_dim={self.output_dim})"

    def get_output_dim(self) -> int:
        """Return the width of a vector."""
        return self.output_dim

    def forward(self, elmo_tokens: Tensor, word_inputs: Tensor | None = None) -> Tensor:
        """Represent character ids (B, T, 50) as vectors (B, T, width)."""
        (representation,) = self._elmo(elmo_tokens, word_inputs)["elmo_representations"]
        vectors: Tensor = representation if self._projection is None else self._projection(representation)
        return vectors


class ElmoEmbedder:
    """Embeds tokenized sentences with all layers, like AllenNLP's class of the same name.

    Args:
        options_file: path or URL of an ``options.json``; by default the one that belongs to the weights.
        weight_file: path or URL of HDF5 weights, or a model in any format that :func:`elmokit.load` reads;
            by default the published model ``original``.
        cuda_device: index of the GPU, or -1 for the CPU.

    Raises:
        ModelFileError: if the model's files are missing, damaged or do not match.
        ConfigError: if there is no such device, or ``options_file`` is given without ``weight_file``.
    """

    @checked
    def __init__(
        self,
        options_file: str | Path | None = None,
        weight_file: str | Path | None = None,
        cuda_device: int = -1,
    ) -> None:
        if options_file is not None and weight_file is None:
            raise ConfigError(f"{options_file}: options without weights: pass weight_file too")
        pretrained = load(_DEFAULT_MODEL if weight_file is None else weight_file, options=options_file)
        cuda_device = whole_number("cuda_device", cuda_device)
        device = "cpu" if cuda_device < 0 else f"cuda:{cuda_device}"
        self.cuda_device = cuda_device
        self._embedder = embedder.ElmoEmbedder(pretrained, device=device)

    def __repr__(self) -> str:
        return f"allennlp.{self._embedder!r}"

    def batch_to_embeddings(self, batch: Iterable[str | Sequence[str]]) -> tuple[Tensor, Tensor]:
        """Embed a batch as one tensor.

        Args:
            batch: B lists of tokens, or plain strings, which are split on whitespace.

        Returns:
            The vectors (B, L, T, D) float32, zero at padding, and the mask of words (B, T) bool.
        """
        vectors = self._embedder.embed(batch)
        lengths = np.array([own.shape[1] for own in vectors], dtype=np.int64)
        num_steps = int(lengths.max(initial=0))
        padded = pad(vectors, (self._embedder.num_layers, num_steps, self._embedder.dim))
        mask = np.arange(num_steps) < lengths[:, None]
        device = self._embedder.model.device
        return torch.from_numpy(padded).to(device), torch.from_numpy(mask).to(device)

    def embed_sentence(self, sentence: str | Sequence[str]) -> np.ndarray:
        """Embed a list of tokens: (L, n_tokens, D)."""
        return self.embed_batch([sentence])[0]

    def embed_batch(self, batch: Iterable[str | Sequence[str]]) -> list[np.ndarray]:
        """Embed lists of tokens: one array (L, n_tokens, D) per list."""
        return self._embedder.embed(batch)

    @checked
    def embed_sentences(
        self, sentences: Iterable[str | Sequence[str]], batch_size: int = 64
    ) -> Iterator[np.ndarray]:
        """Embed any number of lists of tokens, yielding one array (L, n_tokens, D) at a time."""
        return self._embedder.iter_embed(sentences, batch_size=batch_size)

    @checked
    def embed_file(
        self,
        input_file: TextIO,
        output_file_path: str | Path,
        output_format: str = "all",
        batch_size: int = 64,
        forget_sentences: bool = False,
        use_sentence_keys: bool = False,
    ) -> None:
        """Write the vectors of a text to HDF5, in the layout of ``allennlp elmo``.

        The file has one dataset per line, with the line number from 0 as its key, and ``sentence_to_index``
        (1,), a JSON object that maps each sentence to the key of its last occurrence.

        Args:
            input_file: an open text file, one tokenized sentence per line.
            output_file_path: the HDF5 file, which appears once it is complete.
            output_format: ``all`` (L, n_tokens, D), ``top`` or ``average`` (n_tokens, D).
            batch_size: number of sentences to run together.
            forget_sentences: leave out ``sentence_to_index``.
            use_sentence_keys: use the sentences as keys, and leave out ``sentence_to_index``. HDF5 uses
                slashes to separate groups: ``file["and / or"]`` finds its dataset, but ``file.keys()`` has
                the name of the outermost group.

        Raises:
            TextError: if lines are blank, or cannot be keys with ``use_sentence_keys``.
            ConfigError: if there is no such output format.
            OutputError: if the file cannot be written.
        """
        one_of("output_format", output_format, _OUTPUT_FORMATS)
        forget_sentences = yes_or_no("forget_sentences", forget_sentences)
        use_sentence_keys = yes_or_no("use_sentence_keys", use_sentence_keys)
        name = getattr(input_file, "name", "the text")
        sentences = [line.strip() for line in strings("input_file", input_file)]
        blank = [str(number) for number, sentence in enumerate(sentences) if not sentence]
        if blank:
            raise TextError(f"{name}: blank lines at indexes {_listed(blank)}: remove them")
        if use_sentence_keys:
            problems = _key_problems(sentences)
            if problems:
                raise TextError(
                    f"{name}: lines that cannot be HDF5 keys: {_listed(problems)}: turn off use_sentence_keys"
                )
        keys = sentences if use_sentence_keys else [str(number) for number in range(len(sentences))]
        layers = cast(Layers, output_format)
        results = self._embedder.iter_embed(sentences, layers, batch_size=batch_size)
        datasets: Iterable[tuple[str, np.ndarray]] = zip(keys, results, strict=True)
        if not forget_sentences and not use_sentence_keys:
            index = json.dumps(dict(zip(sentences, keys, strict=True)))
            values = np.array([index], dtype=h5py.string_dtype())
            datasets = itertools.chain(datasets, [("sentence_to_index", values)])
        write_sentence_vectors(expanded(output_file_path), datasets)


def _key_problems(sentences: Sequence[str]) -> list[str]:
    """Return the sentences that cannot be names of HDF5 datasets, as ``index (reason)``."""
    line_of: dict[tuple[str, ...], int] = {}
    problems = []
    paths = [_hdf5_path(sentence) for sentence in sentences]
    for number, (sentence, path) in enumerate(zip(sentences, paths, strict=True)):
        if not path or "\0" in sentence:
            problems.append(f"{number} ({sentence!r} is not a valid HDF5 name)")
        elif line_of.setdefault(path, number) != number:
            problems.append(f"{number} (same key as {line_of[path]})")
    for number, path in enumerate(paths):
        inside = next((path[:k] for k in range(1, len(path)) if path[:k] in line_of), None)
        if inside is not None:
            problems.append(f"{number} (HDF5 would nest it inside {line_of[inside]})")
    return problems


def _hdf5_path(sentence: str) -> tuple[str, ...]:
    return tuple(part for part in sentence.split("/") if part not in ("", "."))


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - _MAX_LISTED} more" if len(items) > _MAX_LISTED else ""
    return ", ".join(items[:_MAX_LISTED]) + more
