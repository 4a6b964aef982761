"""An embedding as a system of a comparison."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from elmokit.downstream.comparison.kept_vectors import KeptVectors
from elmokit.downstream.comparison.protocol import Trained
from elmokit.downstream.comparison.task import Task
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.progress import Progress

Learn = Callable[[Sequence[TokenEmbedding], Mapping[str, JsonValue], Sequence[int], int], Trained]
"""Takes embeddings, settings, the rows to train on and the seed; returns a trained model."""

_SAMPLE_TOKENS = 20_000


class EmbeddingSystem:
    """One embedding, or several joined ones; see :class:`System`.

    Args:
        name: the choice, see :func:`embeddings_of`.
        task: which text word vectors are trained on, and how.
        parts: the sentences of the training, dev and test data.
        learn: trains a model.
        device: where biLMs run.
        keeps_vectors: whether the vectors of a biLM are kept on disk: not if it is trained as well.
        progress: shows what is done.
    """

    is_baseline = False

    def __init__(
        self,
        name: str,
        task: Task,
        parts: Sequence[Sequence[Sequence[str]]],
        learn: Learn,
        *,
        device: str,
        keeps_vectors: bool,
        progress: Progress,
    ) -> None:
        self._embeddings: tuple[TokenEmbedding, ...] = embeddings_of(
            name, device=device, text=task.embedding_text, vectors=task.vectors, progress=progress
        )
        self._parts, self._learn, self._progress = parts, learn, progress
        self._keeps_vectors = keeps_vectors
        self._is_prepared = False

    @property
    def fingerprint(self) -> str:
        """Digest of the vectors."""
        text = " ".join(embedding.fingerprint for embedding in self._embeddings)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def embedding_seconds(self) -> float:
        """Measure the time for some of the sentences, and scale it to all tokens of the task."""
        sentences = [sentence for part in self._parts for sentence in part]
        total = sum(map(len, sentences))
        step = max(1, total // _SAMPLE_TOKENS)
        sample = sentences[::step]
        begin = time.perf_counter()
        for embedding in self._embeddings:
            embedding.vectors(sample)
        seconds = time.perf_counter() - begin
        return seconds * total / max(1, sum(map(len, sample)))

    def prepare(self) -> None:
        """Put the vectors of biLMs on disk, unless they are there."""
        if self._keeps_vectors and not self._is_prepared:
            self._embeddings = tuple(
                KeptVectors(own, self._parts, self._progress) if own.is_contextual else own
                for own in self._embeddings
            )
        self._is_prepared = True

    def train(self, settings: Mapping[str, JsonValue], rows: Sequence[int], *, seed: int) -> Trained:
        """Train a model that reads its text through the embeddings."""
        return self._learn(self._embeddings, settings, rows, seed)
