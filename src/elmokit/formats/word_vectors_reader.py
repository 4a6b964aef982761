"""Reading word vectors: the text and binary formats of word2vec, and text without a header as of GloVe."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from elmokit.data.compression import decompressed
from elmokit.data.read import read_lines
from elmokit.errors import MissingModelError, ModelFileError
from elmokit.files.listing import require_regular_file
from elmokit.formats.fasttext_model import MAGIC

_HEADER = re.compile(rb"(\d{1,18})[ \t]+(\d{1,18})[ \t]*\r?\n")
_LARGEST_DIM = 1 << 20
_LONGEST_WORD = 1 << 20  # bytes
_BLOCK_BYTES = 1 << 20


class WordVectors(NamedTuple):
    """Words and their vectors."""

    words: list[str]
    """V distinct words; of a word that a file has twice, the first vector counts."""
    table: np.ndarray
    """(V, D) float32."""


def is_fasttext_model(path: Path) -> bool:
    """Return whether a file begins like a ``.bin`` file of fastText.

    Raises:
        ModelFileError: if it cannot be read.
    """
    return _beginning(path, len(MAGIC)) == MAGIC


def read_word_vectors(path: Path, on_bytes: Callable[[int], object] = lambda num_bytes: None) -> WordVectors:
    """Read word vectors; the format is recognized by the content, compression by the suffix.

    Args:
        path: the file.
        on_bytes: called at intervals with the number of bytes of the file read since the last call.

    Raises:
        ModelFileError: if the file is missing, damaged or of another format, with the line.
        TextError: if it is text but not UTF-8.
    """
    beginning = _beginning(path, _BLOCK_BYTES)
    if beginning.startswith(MAGIC):
        raise ModelFileError(f"{path}: a model of fastText, not a table of words: write fasttext:{path}")
    header = _HEADER.match(beginning)
    if header is None:
        return _collected(path, _text_rows(path, None, on_bytes), None)
    num_words, dim = int(header[1]), int(header[2])
    if not 0 < dim <= _LARGEST_DIM:
        raise ModelFileError(f"{path}:1: expected a width from 1 to {_LARGEST_DIM}, got {dim}")
    is_text = _is_text_row(beginning[header.end() :].split(b"\n", 1)[0], dim)
    rows = _text_rows(path, dim, on_bytes) if is_text else _binary_rows(path, num_words, dim, on_bytes)
    return _collected(path, rows, num_words)


def _beginning(path: Path, num_bytes: int) -> bytes:
    """Return the first bytes of the decompressed content."""
    try:
        require_regular_file(path)
        with path.open("rb") as file:
            return decompressed(str(path), file).read(num_bytes)
    except FileNotFoundError:
        raise MissingModelError(f"{path}: no such file: expected a file of word vectors") from None
    except (OSError, EOFError, ValueError) as error:
        raise ModelFileError(f"{path}: cannot read: {getattr(error, 'strerror', None) or error}") from None


def _is_text_row(line: bytes, dim: int) -> bool:
    with suppress(ValueError):
        fields = line.decode("utf-8").rstrip().rsplit(" ", dim)[-dim:]
        return len(fields) == dim and all(math.isfinite(float(field)) for field in fields)
    return False


def _text_rows(
    path: Path, dim: int | None, on_bytes: Callable[[int], object]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield words and vectors of a text; without ``dim`` there is no header, and the first line has it."""
    for number, line in enumerate(read_lines(path, on_bytes), start=1):
        if number == 1 and dim is not None:
            continue
        line = line.rstrip()
        if not line:
            continue
        if dim is None:
            dim = len(line.split(" ")) - 1
            if dim < 1:
                raise ModelFileError(f"{path}:{number}: expected a word and its vector, got {line[:40]!r}")
        # From the right, since words of some files contain spaces.
        word, *fields = line.rsplit(" ", dim)
        try:
            vector = np.array([float(field) for field in fields], dtype=np.float32)
        except (ValueError, OverflowError):
            vector = np.empty(0, dtype=np.float32)
        if len(vector) != dim or not np.isfinite(vector).all():
            raise ModelFileError(
                f"{path}:{number}: expected a word and {dim} finite numbers, got {line[:40]!r}"
            )
        yield word, vector


def _binary_rows(
    path: Path, num_words: int, dim: int, on_bytes: Callable[[int], object]
) -> Iterator[tuple[str, np.ndarray]]:
    with path.open("rb") as file:
        stream = decompressed(str(path), file)
        content, at, reported = bytearray(), 0, 0

        def more() -> bool:
            nonlocal content, at, reported
            block = stream.read(_BLOCK_BYTES)
            content, at = content[at:] + block, 0
            on_bytes(file.tell() - reported)
            reported = file.tell()
            return bool(block)

        more()
        at = content.index(b"\n") + 1
        for number in range(1, num_words + 1):
            where = f"{path}: word {number} of {num_words}"
            while (end := content.find(b" ", at)) < 0 or len(content) < end + 1 + 4 * dim:
                if len(content) - at > _LONGEST_WORD + 4 * dim:
                    raise ModelFileError(f"{where}: no vector where one is expected: the file is damaged")
                if not more():
                    raise ModelFileError(f"{where}: the file ends there: copy or download it again")
            vector = np.frombuffer(content, dtype="<f4", count=dim, offset=end + 1).astype(np.float32)
            if not np.isfinite(vector).all():
                raise ModelFileError(f"{where}: a value is not finite: the file is damaged")
            # The original program ends each vector with a line end, others do not.
            word = bytes(content[at:end]).lstrip(b"\n").decode("utf-8", "replace")
            at = end + 1 + 4 * dim
            yield word, vector


def _collected(path: Path, rows: Iterator[tuple[str, np.ndarray]], num_words: int | None) -> WordVectors:
    found: dict[str, np.ndarray] = {}
    num_rows = 0
    try:
        for word, vector in rows:
            found.setdefault(word, vector)
            num_rows += 1
    except (OSError, EOFError) as error:
        raise ModelFileError(
            f"{path}: cannot read after {num_rows} words: {error}: copy or download it again"
        ) from None
    if num_words is not None and num_rows != num_words:
        raise ModelFileError(
            f"{path}: expected {num_words} words, as its first line says, got {num_rows}: is it complete?"
        )
    if not found:
        raise ModelFileError(f"{path}: no words: expected a file of word vectors")
    return WordVectors(list(found), np.stack(list(found.values())))
