"""How tagged files are laid out: CoNLL-U, columns as of CoNLL-2003, or plain tokenized text."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

from elmokit.errors import ConfigError, TextError

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
LAYOUTS = ("conllu", "tsv", "conll", "text")

_TOKEN_ID = re.compile(r"[1-9][0-9]*")
_OTHER_ID = re.compile(r"[0-9]+(-|\.)[0-9]+")  # a multiword token, 3-4, or an empty node, 5.1
_SPACES = re.compile(r"[ \t]+")  # not those that are part of words in many languages, such as U+00A0
DOCUMENT_START = "-DOCSTART-"
"""The first token of a line that begins a document."""


@dataclass
class TaggedSentence:
    """A sentence of a file: its tokens and tags, and its lines as they are."""

    source: str
    """Name of the file."""
    first_line: int
    """Number of its first line in the file, from 1."""
    lines: list[str]
    """All its lines, also those that are no tokens, without the empty line after it."""
    tokens: list[str]
    """Empty for lines that only separate documents."""
    tags: list[str] | None
    """One for each token; None if the file has none or they were not asked for."""
    places: list[int]
    """The index of each token's line in ``lines``."""

    def place_of(self, position: int) -> str:
        """Return ``file:line`` of a token, for messages; the end of the sentence for one after the last."""
        places = self.places or [0]
        return f"{self.source}:{self.first_line + places[min(position, len(places) - 1)]}"


class Layout(ABC):
    """How the lines of a sentence are read, and how predicted tags are written into them."""

    @abstractmethod
    def read(self, source: str, first_line: int, lines: list[str], *, tagged: bool) -> TaggedSentence:
        """Read a sentence from the lines between two blank lines.

        Args:
            source: name of the file.
            first_line: number of the first line.
            lines: the lines.
            tagged: whether its tags are needed.

        Raises:
            TextError: with file and line, if a line cannot be understood.
        """

    @abstractmethod
    def write(
        self, sentence: TaggedSentence, tags: Sequence[str], shares: Sequence[str] | None = None
    ) -> list[str]:
        """Return the lines of a sentence with the given tags and, if they are given, their probabilities."""


@dataclass(frozen=True)
class Conllu(Layout):
    """CoNLL-U: ten columns separated by tabs, comments, multiword tokens and empty nodes.

    Only syntactic words have tags. Everything else is kept as it is.
    """

    column: int = CONLLU_COLUMNS.index("upos")
    """Index of the column with the tag."""

    def read(self, source: str, first_line: int, lines: list[str], *, tagged: bool) -> TaggedSentence:
        """See :class:`Layout`."""
        sentence = TaggedSentence(source, first_line, lines, [], [] if tagged else None, [])
        for index, line in enumerate(lines):
            if line.startswith("#"):
                continue
            where, columns = f"{source}:{first_line + index}", line.split("\t")
            if len(columns) != len(CONLLU_COLUMNS):
                raise TextError(
                    f"{where}: expected 10 columns separated by tabs (CoNLL-U), got {len(columns)}"
                )
            if _OTHER_ID.fullmatch(columns[0]):
                continue
            number = len(sentence.tokens) + 1
            if not _TOKEN_ID.fullmatch(columns[0]) or int(columns[0]) != number:
                raise TextError(
                    f"{where}: expected word {number} of the sentence, got the ID {columns[0]!r}: is the "
                    "empty line between two sentences missing?"
                )
            _add(sentence, index, columns[1], columns[self.column] if tagged else None, where)
            if tagged and columns[self.column] == "_" and self.column in _ALWAYS_GIVEN:
                raise TextError(
                    f"{where}: {columns[1]!r} has no {CONLLU_COLUMNS[self.column].upper()} ('_'): tag it, or "
                    "choose another column"
                )
        return sentence

    def write(
        self, sentence: TaggedSentence, tags: Sequence[str], shares: Sequence[str] | None = None
    ) -> list[str]:
        """Put the tags into their column, and probabilities into MISC."""
        lines = list(sentence.lines)
        for number, (place, tag) in enumerate(zip(sentence.places, tags, strict=True)):
            columns = lines[place].split("\t")
            columns[self.column] = tag
            if shares is not None:
                misc = [] if columns[-1] == "_" else [columns[-1]]
                columns[-1] = "|".join([*misc, f"TagProb={shares[number]}"])
            lines[place] = "\t".join(columns)
        return lines


_ALWAYS_GIVEN = (CONLLU_COLUMNS.index("upos"),)  # elsewhere "_" is a value: no features


@dataclass(frozen=True)
class Columns(Layout):
    """A token a line, in columns separated by tabs or spaces; ``-DOCSTART-`` lines begin a document."""

    separator: str
    """A tab, or a space for any number of spaces and tabs."""
    num_columns: int
    """In every line."""
    column: int = -1
    """Index of the column with the tag; negative to count from the end."""

    def read(self, source: str, first_line: int, lines: list[str], *, tagged: bool) -> TaggedSentence:
        """See :class:`Layout`."""
        sentence = TaggedSentence(source, first_line, lines, [], [] if tagged else None, [])
        for index, line in enumerate(lines):
            if line.startswith(DOCUMENT_START):
                continue
            where, columns = f"{source}:{first_line + index}", self._split(line)
            if len(columns) != self.num_columns:
                raise TextError(
                    f"{where}: expected {self.num_columns} columns as in the first line, got {len(columns)}: "
                    f"{line[:60]!r}"
                )
            _add(sentence, index, columns[0], columns[self.column] if tagged else None, where)
        return sentence

    def write(
        self, sentence: TaggedSentence, tags: Sequence[str], shares: Sequence[str] | None = None
    ) -> list[str]:
        """Add the tags as a last column, and probabilities after it."""
        lines = list(sentence.lines)
        for number, place in enumerate(sentence.places):
            own = (tags[number],) if shares is None else (tags[number], shares[number])
            lines[place] = self.separator.join((lines[place], *own))
        return lines

    def _split(self, line: str) -> list[str]:
        return line.split("\t") if self.separator == "\t" else _SPACES.split(line.strip(" \t"))


@dataclass(frozen=True)
class PlainText(Layout):
    """A sentence a line, tokens separated by white space; it has no tags."""

    def read(self, source: str, first_line: int, lines: list[str], *, tagged: bool) -> TaggedSentence:
        """See :class:`Layout`."""
        if tagged:
            raise TextError(f"{source}:{first_line}: plain text has no tags: expected columns or CoNLL-U")
        tokens = [token for line in lines for token in line.split()]
        return TaggedSentence(source, first_line, lines, tokens, None, [0] * len(tokens))

    def write(
        self, sentence: TaggedSentence, tags: Sequence[str], shares: Sequence[str] | None = None
    ) -> list[str]:
        """Write two columns, token and tag, or three with the probability."""
        columns = (sentence.tokens, tags) if shares is None else (sentence.tokens, tags, shares)
        return ["\t".join(row) for row in zip(*columns, strict=True)]


def choose_layout(
    first_line: str, source: str, *, name: str | None = None, column: str | None = None, tagged: bool
) -> Layout:
    """Return the layout of a file.

    Args:
        first_line: its first line with a token.
        source: name of the file.
        name: one of :data:`LAYOUTS`; by default what the line looks like.
        column: of the tag: its number from 1, or from the end if it is negative, or a name of CoNLL-U. By
            default ``upos`` of CoNLL-U and the last of other files.
        tagged: whether the file must have tags. If not, lines without tabs are taken for plain text.

    Raises:
        ConfigError: if there is no such layout or column.
        TextError: if the file has no tags.
    """
    columns = first_line.split("\t")
    if name is None:
        name = "tsv" if len(columns) > 1 else "conll"
        if len(columns) == len(CONLLU_COLUMNS) and (
            _TOKEN_ID.fullmatch(columns[0]) or _OTHER_ID.fullmatch(columns[0])
        ):
            name = "conllu"
        elif name == "conll" and not tagged:
            name = "text"
    if name == "conllu":
        index = _column_index(column or "upos", len(CONLLU_COLUMNS), named=True)
        return Conllu(index)
    if name == "text":
        return PlainText()
    if name not in LAYOUTS:
        raise ConfigError(f"format: expected {', '.join(LAYOUTS)}, got {name!r}")
    layout = Columns("\t" if name == "tsv" else " ", 0)
    num_columns = len(layout._split(first_line))
    if tagged and num_columns < 2:
        raise TextError(
            f"{source}: expected a token and a tag a line, separated by a tab or by spaces, got "
            f"{first_line[:60]!r}"
        )
    index = _column_index(column, num_columns, named=False) if tagged and column is not None else -1
    return replace(layout, num_columns=num_columns, column=index)


def _column_index(column: str, num_columns: int, *, named: bool) -> int:
    if named and column.lower() in CONLLU_COLUMNS:
        return CONLLU_COLUMNS.index(column.lower())
    number = int(column) if re.fullmatch(r"-?[0-9]+", column) else 0
    index = number - 1 if number > 0 else number + num_columns
    if number == 0 or not 0 < index < num_columns:
        names = f", or one of {', '.join(CONLLU_COLUMNS[2:])}" if named else ""
        raise ConfigError(
            f"column: expected a number from 2 to {num_columns}, or from the end -1{names}; got {column!r}"
        )
    return index


def _add(sentence: TaggedSentence, index: int, token: str, tag: str | None, where: str) -> None:
    if not token or tag == "":
        raise TextError(f"{where}: the {'tag' if token else 'token'} is empty: expected a token and a tag")
    sentence.tokens.append(token)
    sentence.places.append(index)
    if tag is not None and sentence.tags is not None:
        sentence.tags.append(tag)
