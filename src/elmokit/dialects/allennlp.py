"""AllenNLP: ``Elmo``, ``batch_to_ids``, ``ScalarMix`` and ``ElmoEmbedder``.

Its modules ``allennlp.modules.elmo``, ``allennlp.modules.scalar_mix`` and ``allennlp.commands.elmo``.
``Elmo`` is the library's own layer. Unlike there, every sentence starts from a zero LSTM state.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import h5py
import numpy as np
import torch
from torch import Tensor

from elmokit import embedder
from elmokit.dialects.padding import pad
from elmokit.elmo import Elmo, batch_to_ids
from elmokit.errors import ConfigError, TextError
from elmokit.files.atomic import new_file
from elmokit.formats.hdf5_writer import Hdf5Writer
from elmokit.loading import load
from elmokit.model.scalar_mix import ScalarMix

__all__ = ["Elmo", "ElmoEmbedder", "ScalarMix", "batch_to_ids"]

_DEFAULT_MODEL = "original"
_NUM_NAMED = 20  # faulty lines that an error names
_OUTPUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all": lambda vectors: vectors,
    "top": lambda vectors: vectors[-1],
    "average": lambda vectors: vectors.mean(axis=0),
}


class ElmoEmbedder:
    """Vectors of tokenized sentences, all layers: AllenNLP's class of this name.

    Args:
        options_file: path or URL of an ``options.json``; those beside the weights by default.
        weight_file: path or URL of HDF5 weights, or any model that :func:`elmokit.load` reads;
            the published model ``original`` by default.
        cuda_device: number of the GPU, -1 for the CPU.

    Raises:
        ModelFileError: when the model's files are missing, damaged or do not fit.
        ConfigError: when there is no such device, or options come without weights.
    """

    def __init__(
        self,
        options_file: str | Path | None = None,
        weight_file: str | Path | None = None,
        cuda_device: int = -1,
    ) -> None:
        if options_file is not None and weight_file is None:
            raise ConfigError(f"{options_file}: options without weights: expected weight_file too")
        pretrained = load(_DEFAULT_MODEL if weight_file is None else weight_file, options=options_file)
        device = "cpu" if cuda_device < 0 else f"cuda:{cuda_device}"
        self.cuda_device = cuda_device
        self._embedder = embedder.ElmoEmbedder(pretrained, device=device)

    def batch_to_embeddings(self, batch: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
        """All layers of a batch as tensors.

        Args:
            batch: B lists of tokens.

        Returns:
            (B, L, T, D) float32, zero at padding, and the mask of words (B, T) bool.
        """
        vectors = self._embedder.embed(batch)
        lengths = np.array([own.shape[1] for own in vectors], dtype=np.int64)
        num_steps = int(lengths.max(initial=0))
        padded = pad(vectors, (self._embedder.num_layers, num_steps, self._embedder.dim))
        mask = np.arange(num_steps) < lengths[:, None]
        device = self._embedder.model.device
        return torch.from_numpy(padded).to(device), torch.from_numpy(mask).to(device)

    def embed_sentence(self, sentence: Sequence[str]) -> np.ndarray:
        """(L, n_tokens, D) of a list of tokens."""
        return self.embed_batch([sentence])[0]

    def embed_batch(self, batch: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """(L, n_tokens, D) for each list of tokens; an empty one has no token."""
        return self._embedder.embed(batch)

    def embed_sentences(
        self, sentences: Iterable[Sequence[str]], batch_size: int = 64
    ) -> Iterator[np.ndarray]:
        """As :meth:`embed_batch`, one result at a time, for any number of sentences."""
        return self._embedder.iter_embed(sentences, batch_size=batch_size)

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

        One dataset per line, its key the line's number from 0, and ``sentence_to_index`` (1,), a JSON
        object from sentence to key; a sentence that occurs again is found at its last place.

        Args:
            input_file: an open text, one tokenized sentence a line.
            output_file_path: the HDF5 file, which appears when it is complete.
            output_format: ``all`` (L, n_tokens, D), ``top`` or ``average`` (n_tokens, D).
            batch_size: sentences that are run together.
            forget_sentences: leave ``sentence_to_index`` out.
            use_sentence_keys: make the sentences the keys, and leave ``sentence_to_index`` out. HDF5
                takes a slash for a border between groups: ``file["and / or"]`` finds its dataset,
                but ``file.keys()`` names the outermost group.

        Raises:
            TextError: when lines are blank, or with ``use_sentence_keys`` cannot be keys.
            ConfigError: when there is no such output format.
            OutputError: when the file cannot be written.
        """
        if output_format not in _OUTPUTS:
            raise ConfigError(f"output_format: expected all, top or average, got {output_format!r}")
        select = _OUTPUTS[output_format]
        name = getattr(input_file, "name", "the text")
        sentences = [line.strip() for line in input_file]
        blank = [str(number) for number, sentence in enumerate(sentences) if not sentence]
        if blank:
            raise TextError(f"{name}: blank lines at indexes {_listed(blank)}: remove them")
        if use_sentence_keys:
            faults = _key_faults(sentences)
            if faults:
                raise TextError(
                    f"{name}: sentences that cannot be keys: {_listed(faults)}: leave use_sentence_keys out"
                )
        keys = sentences if use_sentence_keys else [str(number) for number in range(len(sentences))]
        results = self.embed_sentences((sentence.split() for sentence in sentences), batch_size)
        with new_file(Path(output_file_path)) as temporary, Hdf5Writer(temporary) as file:
            for key, vectors in zip(keys, results, strict=True):
                file.write(key, select(vectors))
            if not forget_sentences and not use_sentence_keys:
                index = json.dumps(dict(zip(sentences, keys, strict=True)))
                file.write("sentence_to_index", np.array([index], dtype=h5py.string_dtype()))


def _key_faults(sentences: Sequence[str]) -> list[str]:
    """What HDF5 cannot take for the names of datasets, as ``index (why)``."""
    line_of: dict[tuple[str, ...], int] = {}
    faults = []
    paths = [_hdf5_path(sentence) for sentence in sentences]
    for number, (sentence, path) in enumerate(zip(sentences, paths, strict=True)):
        if not path or "\0" in sentence:
            faults.append(f"{number} ({sentence!r} is no name in HDF5)")
        elif line_of.setdefault(path, number) != number:
            faults.append(f"{number} (the same as {line_of[path]})")
    for number, path in enumerate(paths):
        inside = next((path[:k] for k in range(1, len(path)) if path[:k] in line_of), None)
        if inside is not None:
            faults.append(f"{number} (HDF5 would put it inside {line_of[inside]})")
    return faults


def _hdf5_path(sentence: str) -> tuple[str, ...]:
    return tuple(part for part in sentence.split("/") if part not in ("", "."))


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - _NUM_NAMED} more" if len(items) > _NUM_NAMED else ""
    return ", ".join(items[:_NUM_NAMED]) + more
