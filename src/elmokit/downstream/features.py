"""The vectors of a list of sentences, computed once and read batch by batch."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.files.atomic import new_directory
from elmokit.files.cache import default_cache_dir
from elmokit.files.memory_map import map_array

LARGEST_CACHE_BYTES = 20 * 2**30
"""When more is kept on disk, the vectors that have not been used for longest are deleted."""

_SENTENCES_PER_CHUNK = 1024
_VECTORS_FILE = "vectors.f32"


@dataclass(frozen=True)
class FeatureBatch:
    """The vectors of some sentences, padded with zeros to the longest."""

    sentences: list[Sequence[str]]
    vectors: list[Tensor | None]
    """One (B, T, L, D) tensor per embedding; None for a biLM that is fine-tuned: it reads sentences."""
    mask: Tensor
    """(B, T) bool, True at tokens. T is at least 1."""


class Features:
    """Vectors of sentences through one or several embeddings.

    Vectors of a contextual embedding are computed once and kept on disk, by the fingerprint of the embedding
    and of the sentences; they are read from there as they are needed. Those of a table are looked up.

    Args:
        embeddings: the embeddings, whose vectors are later joined.
        sentences: lists of tokens. A sentence may be empty.
        fine_tune: whether the biLMs are trained too, so that none of their vectors can be kept.
        cache_dir: where vectors are kept; by default below the cache directory.
        on_sentences: called with the number of sentences that have just been embedded or found on disk.

    Raises:
        OutputError: when the vectors cannot be written.
    """

    def __init__(
        self,
        embeddings: Sequence[TokenEmbedding],
        sentences: Sequence[Sequence[str]],
        *,
        fine_tune: bool = False,
        cache_dir: Path | None = None,
        on_sentences: Callable[[int], object] | None = None,
    ) -> None:
        self.embeddings = tuple(embeddings)
        self.sentences = list(sentences)
        self.lengths = np.array([len(sentence) for sentence in self.sentences], dtype=np.int64)
        self.fine_tune = fine_tune
        self._ends = np.cumsum(self.lengths)
        cache = cache_dir if cache_dir is not None else default_cache_dir() / "features"
        report = on_sentences or (lambda number: None)
        self._kept = [
            self._vectors_on_disk(embedding, cache, report)
            if embedding.is_contextual and not fine_tune
            else None
            for embedding in self.embeddings
        ]

    def __len__(self) -> int:
        return len(self.sentences)

    def batch(self, rows: Sequence[int], device: torch.device | str = "cpu") -> FeatureBatch:
        """Return the vectors of the sentences with the given indexes."""
        kept = [None if own is None else [self._read(own, row) for row in rows] for own in self._kept]
        sentences = [self.sentences[row] for row in rows]
        return _padded(self.embeddings, sentences, kept, self.fine_tune, device)

    def on_disk(self, row: int) -> list[np.ndarray | None]:
        """Return for each embedding the vectors (T, L, D) of a sentence; None if they are not on disk."""
        return [None if own is None else self._read(own, row) for own in self._kept]

    def _read(self, kept: np.ndarray, row: int) -> np.ndarray:
        end = int(self._ends[row])
        return kept[end - int(self.lengths[row]) : end]

    def _vectors_on_disk(
        self, embedding: TokenEmbedding, cache: Path, report: Callable[[int], object]
    ) -> np.ndarray:
        """Return all vectors (ΣT, L, D) of an embedding, mapped from disk."""
        directory = cache / f"{embedding.fingerprint}-{_fingerprint(self.sentences)}"
        path = directory / _VECTORS_FILE
        shape = (int(self.lengths.sum()), embedding.num_layers, embedding.dim)
        try:
            found = map_array(path, np.float32, shape)
            os.utime(directory)
        except (OSError, ValueError):  # none yet, or damaged
            _make_room(cache, 4 * int(np.prod(shape)))
            with new_directory(directory) as temporary, (temporary / _VECTORS_FILE).open("wb") as file:
                for chunk in _chunks(self.sentences):
                    for values in embedding.vectors(chunk):
                        file.write(np.ascontiguousarray(values, dtype=np.float32).data)
                    report(len(chunk))
            return map_array(path, np.float32, shape)
        report(len(self.sentences))
        return found


def batch_of(
    embeddings: Sequence[TokenEmbedding],
    sentences: Sequence[Sequence[str]],
    *,
    fine_tune: bool = False,
    device: torch.device | str = "cpu",
) -> FeatureBatch:
    """Return the vectors of sentences that are read only once, so that none are kept on disk.

    Args:
        embeddings: see :class:`Features`.
        sentences: lists of tokens, at least one.
        fine_tune: see :class:`Features`.
        device: where the vectors are needed.
    """
    return _padded(embeddings, list(sentences), [None] * len(embeddings), fine_tune, device)


def _padded(
    embeddings: Sequence[TokenEmbedding],
    sentences: list[Sequence[str]],
    kept: Sequence[list[np.ndarray] | None],
    fine_tune: bool,
    device: torch.device | str,
) -> FeatureBatch:
    """Return a batch; ``kept`` has the vectors of each embedding that are known already."""
    longest = max(1, *(len(sentence) for sentence in sentences))
    mask = torch.zeros(len(sentences), longest, dtype=torch.bool)
    for place, sentence in enumerate(sentences):
        mask[place, : len(sentence)] = True
    vectors: list[Tensor | None] = []
    for embedding, known in zip(embeddings, kept, strict=True):
        if embedding.is_contextual and fine_tune:
            vectors.append(None)
            continue
        padded = torch.zeros(len(sentences), longest, embedding.num_layers, embedding.dim)
        for place, values in enumerate(embedding.vectors(sentences) if known is None else known):
            padded[place, : len(values)] = torch.from_numpy(np.array(values))  # (T, L, D)
        vectors.append(padded.to(device))
    return FeatureBatch(sentences, vectors, mask.to(device))


def _chunks(sentences: Sequence[Sequence[str]]) -> Iterator[Sequence[Sequence[str]]]:
    for start in range(0, len(sentences), _SENTENCES_PER_CHUNK):
        yield sentences[start : start + _SENTENCES_PER_CHUNK]


def _fingerprint(sentences: Sequence[Sequence[str]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for sentence in sentences:
        for token in sentence:
            encoded = token.encode(errors="surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
        digest.update(b"\xff" * 8)  # no token has this length
    return digest.hexdigest()


def _make_room(cache: Path, num_bytes: int) -> None:
    """Delete the vectors that have not been used for longest, so that ``num_bytes`` more can be kept."""
    with suppress(OSError):  # another process may be clearing as well
        kept = sorted(cache.glob(f"*/{_VECTORS_FILE}"), key=lambda path: path.parent.stat().st_mtime)
        total = num_bytes + sum(path.stat().st_size for path in kept)
        for path in kept:
            if total <= LARGEST_CACHE_BYTES:
                return
            total -= path.stat().st_size
            shutil.rmtree(path.parent, ignore_errors=True)
