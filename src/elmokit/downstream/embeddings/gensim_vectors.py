"""word2vec (Mikolov et al. 2013) and fastText (Bojanowski et al. 2017) by gensim."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.downstream.embeddings.subwords import SubwordEmbedding
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.downstream.embeddings.vector_training import TrainingText
from elmokit.errors import ConfigError, MissingExtraError, ModelFileError


def gensim_version() -> str:
    """Return the name and version of the library.

    Raises:
        MissingExtraError: if it is not installed.
    """
    return f"gensim {_gensim().__version__}"


def train_word2vec(name: str, text: TrainingText, settings: VectorSettings) -> StaticEmbedding:
    """Train word2vec, reading the text once per epoch and once more.

    An unknown word has the average of all vectors.
    """
    vectors = _trained(_gensim().models.Word2Vec, text, settings, {}).wv
    return StaticEmbedding(name, vectors.index_to_key, vectors.vectors)


def train_fasttext(name: str, text: TrainingText, settings: VectorSettings) -> StaticEmbedding:
    """Train fastText, reading the text once per epoch and once more."""
    ngrams = {"min_n": settings.min_n, "max_n": settings.max_n, "bucket": settings.num_buckets}
    return _with_subwords(name, _trained(_gensim().models.FastText, text, settings, ngrams).wv)


def read_fasttext_model(path: Path, name: str) -> StaticEmbedding:
    """Read a ``.bin`` file of fastText.

    Raises:
        ModelFileError: if it is damaged.
        MissingExtraError: if gensim is not installed.
    """
    gensim = _gensim()
    try:
        with _without_its_warnings():
            vectors = gensim.models.fasttext.load_facebook_vectors(str(path))
        return _with_subwords(name, vectors)
    except (Exception, MemoryError) as error:  # it raises what it meets in a damaged file
        if isinstance(error, MemoryError) and path.stat().st_size > 1 << 28:
            raise
        raise ModelFileError(f"{path}: cannot read the fastText model: {error or 'damaged'}") from None


def _with_subwords(name: str, vectors: Any) -> StaticEmbedding:
    if not vectors.max_n or not vectors.bucket:
        return StaticEmbedding(name, vectors.index_to_key, vectors.vectors)
    return SubwordEmbedding(
        name,
        vectors.index_to_key,
        vectors.vectors,
        vectors.vectors_ngrams,
        min_n=vectors.min_n,
        max_n=vectors.max_n,
    )


def _trained(kind: Any, text: TrainingText, settings: VectorSettings, more: dict[str, int]) -> Any:
    try:
        with _without_its_warnings():
            return kind(
                sentences=text,
                vector_size=settings.dim,
                window=settings.window,
                min_count=settings.min_count,
                epochs=settings.epochs,
                alpha=settings.learning_rate,
                min_alpha=settings.learning_rate / 250,  # the ratio of gensim's defaults
                sg=int(settings.skip_gram),
                negative=settings.negative,
                sample=settings.sample,
                seed=settings.seed,
                workers=1,  # several would finish their jobs in another order each time
                **more,
            )
    except RuntimeError as error:  # which it raises for an empty vocabulary
        raise ConfigError(
            f"embedding text: no word occurs {settings.min_count} times: choose a smaller min_count ({error})"
        ) from None


@contextmanager
def _without_its_warnings() -> Iterator[None]:
    """Hide what the library warns of: its own use of other libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _gensim() -> Any:
    try:
        with _without_its_warnings():
            import gensim
    except ImportError:
        raise MissingExtraError("training word2vec or fastText", "downstream") from None
    return gensim
