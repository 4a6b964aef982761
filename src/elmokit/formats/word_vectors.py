"""Word vectors in the formats of word2vec, which gensim and most other tools read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from elmokit.files.atomic import new_file


def write_word2vec(
    path: Path, words: Sequence[str], chunks: Iterable[np.ndarray], *, dim: int, binary: bool
) -> None:
    """Write word vectors.

    Both forms keep every bit: the text form has the shortest decimals that give the number back.

    Args:
        path: the file, which appears when it is complete.
        words: V of them, none with a space.
        chunks: arrays (·, dim) of float32 that follow each other, a row per word.
        dim: width of a vector.
        binary: whether to write little-endian numbers instead of decimals.

    Raises:
        OutputError: when the file cannot be written.
    """
    remaining = iter(words)
    with new_file(path) as temporary, temporary.open("wb") as file:
        file.write(f"{len(words)} {dim}\n".encode())
        for chunk in chunks:
            # The chunk comes first: zip() would take a word and then find no row for it.
            for row, word in zip(chunk.astype("<f4", copy=False), remaining, strict=False):
                values = row.tobytes() if binary else (" ".join(map(str, row)) + "\n").encode()
                file.write(f"{word} ".encode() + values)
