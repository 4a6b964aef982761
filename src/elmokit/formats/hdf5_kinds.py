"""The kinds of HDF5 files that are written, so that none of them replaces another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from elmokit.files.atomic import Kind
from elmokit.formats.hdf5_reader import HDF5_ERRORS, list_names


def _kind(description: str, has_names: Callable[[set[str]], bool]) -> Kind:
    """Return a kind that is recognized by the names at the top of a file."""

    def matches(path: Path) -> bool:
        try:
            return has_names(set(list_names(path)))
        except HDF5_ERRORS:
            return False

    return Kind(description, matches)


SENTENCE_VECTORS = _kind(
    "a file of sentence vectors", lambda names: all(name.isdigit() for name in names - {"sentence_to_index"})
)
TOKEN_EMBEDDINGS = _kind(
    "a file of token embeddings",
    lambda names: "embedding" in names and names <= {"embedding", "words", "encoder"},
)
WEIGHTS = _kind("the weights of a biLM", lambda names: "RNN_0" in names)
SOFTMAX = _kind("the softmax of a biLM", lambda names: "softmax" in names)
