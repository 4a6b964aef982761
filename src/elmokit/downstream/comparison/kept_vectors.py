"""The vectors of all texts of a task on disk, so that each model of a comparison looks them up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.features import Features
from elmokit.downstream.progress import Progress


class KeptVectors:
    """An embedding whose vectors of certain sentences are on disk; see :class:`TokenEmbedding`.

    Args:
        embedding: the embedding, which is asked for other sentences.
        parts: lists of sentences, as they are later trained on and predicted.
        progress: shows what is embedded.
    """

    def __init__(
        self, embedding: TokenEmbedding, parts: Sequence[Sequence[Sequence[str]]], progress: Progress
    ) -> None:
        self._embedding = embedding
        with progress(f"embedding with {embedding.name}", sum(map(len, parts)), "text") as bar:
            self._parts = [Features([embedding], part, on_sentences=bar.update) for part in parts]
        self._place_of = {
            tuple(sentence): (part, row)
            for part, features in enumerate(self._parts)
            for row, sentence in enumerate(features.sentences)
        }

    def __repr__(self) -> str:
        return f"KeptVectors({self._embedding!r}, {len(self._place_of)} sentences)"

    @property
    def name(self) -> str:
        """The choice as it was written."""
        return self._embedding.name

    @property
    def num_layers(self) -> int:
        """Number of layers L."""
        return self._embedding.num_layers

    @property
    def dim(self) -> int:
        """Width D of a vector of one layer."""
        return self._embedding.dim

    @property
    def fingerprint(self) -> str:
        """Digest of everything that the vectors depend on."""
        return self._embedding.fingerprint

    @property
    def is_contextual(self) -> bool:
        """Whether a word's vector depends on its sentence."""
        return self._embedding.is_contextual

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Return float32 (T, L, D) for each sentence."""
        places = [self._place_of.get(tuple(sentence)) for sentence in sentences]
        others = [own for own, place in zip(sentences, places, strict=True) if place is None]
        computed = iter(self._embedding.vectors(others) if others else ())
        found = []
        for place in places:
            own = next(computed) if place is None else self._parts[place[0]].on_disk(place[1])[0]
            assert own is not None
            found.append(own)
        return found
