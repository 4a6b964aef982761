"""Tables of word vectors as safetensors: in the cache, and in saved models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.downstream.embeddings.subwords import SubwordEmbedding
from elmokit.errors import ConfigError, MissingModelError, ModelFileError

_FORMAT = "elmokit-word-vectors"


def write_vectors(path: Path, embedding: StaticEmbedding) -> None:
    """Write a table with everything that its vectors depend on.

    Raises:
        OSError: when it cannot be written.
    """
    text = "\0".join(embedding.words).encode(errors="surrogatepass")
    tensors = {
        "words": np.frombuffer(text, dtype=np.uint8),
        "table": np.ascontiguousarray(embedding.table),
    }
    metadata = {"format": _FORMAT}
    if isinstance(embedding, SubwordEmbedding):
        tensors["ngrams"] = np.ascontiguousarray(embedding.ngrams)
        metadata |= {"min_n": str(embedding.min_n), "max_n": str(embedding.max_n)}
    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as error:  # it wraps the operating system's error
        raise OSError(28, str(error)) from error


def read_vectors(path: Path, name: str) -> StaticEmbedding:
    """Read what :func:`write_vectors` has written.

    Args:
        path: the file.
        name: the choice, as it is to be written.

    Raises:
        ModelFileError: when it is missing or damaged.
    """
    if not path.is_file():
        raise MissingModelError(f"{path}: no such file: expected the word vectors of a model")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it is no dict)
        words = tensors["words"].tobytes().decode(errors="surrogatepass").split("\0")
        table = tensors["table"]
        if "ngrams" not in tensors:
            return StaticEmbedding(name, words, table[:-1], table[-1])
        return SubwordEmbedding(
            name,
            words,
            table[:-1],
            tensors["ngrams"],
            min_n=int(metadata["min_n"]),
            max_n=int(metadata["max_n"]),
        )
    except (OSError, SafetensorError, KeyError, ValueError, ConfigError) as error:
        raise ModelFileError(f"{path}: cannot read the word vectors: damaged ({error})") from None
