"""Writing word vectors in the formats of word2vec, which gensim and most other tools read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from elmokit.files.atomic import kind_by_beginning, new_file

_WORD2VEC = kind_by_beginning("a file of word vectors", rb"\d+ \d+\n")


def write_word2vec(
    path: Path, words: Sequence[str], chunks: Iterable[np.ndarray], *, dim: int, binary: bool
) -> None:
    """Write word vectors.

    Both formats are exact: the text format has the shortest decimals that restore each number.

    Args:
        path: the file, written completely or not at all.
        words: V words without spaces.
        chunks: consecutive arrays (·, dim) of float32, one row per word.
        dim: the width of a vector.
        binary: whether to write the binary format instead of text.

    Raises:
        OutputError: when the file cannot be written.
    """
    remaining = iter(words)
    with new_file(path, _WORD2VEC) as temporary, temporary.open("wb") as file:
        file.write(f"{len(words)} {dim}\n".encode())
        for chunk in chunks:
            # The chunk comes first: otherwise zip() would consume a word before it finds no row for it.
            for row, word in zip(chunk.astype("<f4", copy=False), remaining, strict=False):
                values = row.tobytes() if binary else (" ".join(map(str, row)) + "\n").encode()
                file.write(f"{word} ".encode() + values)
