"""Tables of examples: columns separated by tabs, with their names in the first line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from elmokit.arguments import checked
from elmokit.data.read import read_lines
from elmokit.errors import TextError


@dataclass(frozen=True)
class Occurrence:
    """A word in a sentence, or a whole sentence."""

    tokens: list[str]
    position: int | None
    """Of the word in the tokens; None for the sentence as a whole."""

    @property
    def word(self) -> str:
        """The word itself; the sentence if it is meant as a whole."""
        return " ".join(self.tokens) if self.position is None else self.tokens[self.position]


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    where: str
    """``file:line``, for messages."""
    values: Mapping[str, str]

    def occurrence(self, tokens: str, index: str | None) -> Occurrence:
        """Return the sentence in column ``tokens`` with the word whose position is in column ``index``.

        Raises:
            TextError: if the sentence is empty or has no such token.
        """
        words = self.values[tokens].split()
        if not words:
            raise TextError(f"{self.where}: {tokens}: empty, expected a tokenized sentence")
        if index is None:
            return Occurrence(words, None)
        text = self.values[index].strip()
        position = int(text) if text.isascii() and text.isdecimal() else -1
        if not 0 <= position < len(words):
            raise TextError(
                f"{self.where}: {index}: expected the position of a token, from 0 to {len(words) - 1}, "
                f"got {text[:20]!r}"
            )
        return Occurrence(words, position)


class Table:
    """The rows of a table, read once.

    Args:
        path: a path or an fsspec URL.
        lines: its lines, if they come from elsewhere; ``path`` is only its name then.

    Raises:
        TextError: with file and line, if it is empty or a row has another number of columns.
    """

    @checked
    def __init__(self, path: str | os.PathLike[str], lines: Iterable[str] | None = None) -> None:
        self.path = os.fspath(path)
        rows = self._rows(read_lines(path) if lines is None else lines)
        header = next(rows, None)
        if header is None:
            raise TextError(f"{self.path}: empty, expected a first line with the names of the columns")
        self.columns = [name.strip().lower() for name in header[1]]
        self.rows = [self._row(number, values) for number, values in rows]
        if not self.rows:
            raise TextError(f"{self.path}: no rows after the names of the columns")

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, names: Sequence[str]) -> str | None:
        """Return the first of the names that is a column."""
        return next((name for name in names if name in self.columns), None)

    def need(self, names: Sequence[str]) -> str:
        """Return the first of the names that is a column.

        Raises:
            TextError: if none is.
        """
        if (found := self.find(names)) is None:
            raise TextError(
                f"{self.path}:1: no column {' or '.join(names)}: expected it in the first line, got "
                f"{', '.join(self.columns)[:200]}"
            )
        return found

    @staticmethod
    def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line.split("\t")

    def _row(self, number: int, values: list[str]) -> Row:
        if len(values) != len(self.columns):
            raise TextError(
                f"{self.path}:{number}: expected {len(self.columns)} columns separated by tabs, as in the "
                f"first line, got {len(values)}"
            )
        return Row(f"{self.path}:{number}", dict(zip(self.columns, values, strict=True)))
