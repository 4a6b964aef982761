"""Training tables of word vectors on a text, once: they are kept by the content of the text and settings."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elmokit.data.find import Patterns, find_texts
from elmokit.data.read import no_token_error, read_sentences, total_bytes
from elmokit.data.text_file import TextFile
from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.downstream.embeddings.vector_files import read_vectors, write_vectors
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.downstream.progress import Progress, no_progress
from elmokit.errors import CacheNotWritableWarning, ModelFileError, OutputError
from elmokit.files.atomic import new_file
from elmokit.files.cache import default_cache_dir

LONGEST_PIECE = 1000
"""Tokens of a line that are trained together: the libraries leave out what is beyond their own limits."""


@dataclass(frozen=True)
class TrainingText:
    """Tokenized text that word vectors are trained on; it can be read any number of times."""

    files: Sequence[TextFile]
    on_bytes: Callable[[int], object] = field(default=lambda num_bytes: None)
    """Called with the number of bytes of the files read since the last call."""

    def __iter__(self) -> Iterator[list[str]]:
        for file in self.files:
            for sentence in read_sentences(file, self.on_bytes):
                for start in range(0, len(sentence), LONGEST_PIECE):
                    yield sentence[start : start + LONGEST_PIECE]


Train = Callable[[str, TrainingText, VectorSettings], StaticEmbedding]
"""Takes the name of the choice, the text and the settings."""


def trained_once(
    name: str,
    train: Train,
    version: str,
    text: Patterns,
    settings: VectorSettings,
    *,
    progress: Progress = no_progress,
    cache_dir: Path | None = None,
) -> StaticEmbedding:
    """Train a table, or read it if it was trained before on the same text with the same settings.

    Args:
        name: the choice as it was written.
        train: trains a table.
        version: name and version of the program behind ``train``.
        text: paths, globs, directories or URLs of tokenized text, one sentence per line.
        settings: see :class:`VectorSettings`.
        progress: shows what is done.
        cache_dir: where tables are kept; by default below the cache directory.

    Raises:
        TextError: if the text cannot be read or has no tokens.
        ConfigError: if no word is frequent enough.

    Warns:
        CacheNotWritableWarning: if the table cannot be kept.
    """
    files = find_texts(text)
    kept = (
        cache_dir or default_cache_dir() / "word-vectors"
    ) / f"{_fingerprint(version, files, settings)}.safetensors"
    try:
        return read_vectors(kept, name)
    except ModelFileError:  # none yet, or damaged
        pass
    num_reads = 1 + settings.epochs  # the first one counts the words
    with progress(f"training {name}", num_reads * total_bytes(files), "B") as bar:
        embedding = train(name, TrainingText(files, bar.update), settings)
    try:
        with new_file(kept) as temporary:
            write_vectors(temporary, embedding)
    except OutputError as error:
        warnings.warn(f"{error}: {name} is trained anew next time", CacheNotWritableWarning, stacklevel=2)
    return embedding


def _fingerprint(version: str, files: Sequence[TextFile], settings: VectorSettings) -> str:
    """Return a digest of all that a table depends on.

    Raises:
        TextError: if the text cannot be read or has no tokens.
    """
    digest = hashlib.blake2b(f"{version} {settings.model_dump_json()}".encode(), digest_size=16)
    has_tokens = False
    for sentence in TrainingText(files):
        digest.update((" ".join(sentence) + "\n").encode())
        has_tokens = has_tokens or bool(sentence)
    if not has_tokens:
        raise no_token_error(files)
    return digest.hexdigest()
