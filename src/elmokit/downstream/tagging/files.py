"""Reading and writing tagged files, sentence by sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from elmokit.arguments import checked
from elmokit.data.read import read_lines
from elmokit.downstream.tagging.layouts import (
    DOCUMENT_START,
    Layout,
    PlainText,
    TaggedSentence,
    choose_layout,
)
from elmokit.errors import TextError


@dataclass
class TaggedReader:
    """Reads sentences from lines, in the layout that the first of them has.

    Args:
        source: name of the file, for messages.
        layout_name: see :func:`~elmokit.downstream.tagging.layouts.choose_layout`.
        column: the column with the tag; see there.
        tagged: whether tags are needed.
    """

    source: str
    layout_name: str | None = None
    column: str | None = None
    tagged: bool = True
    layout: Layout | None = field(default=None, init=False)
    """Known once a sentence has been read."""

    def read(self, lines: Iterable[str]) -> Iterator[TaggedSentence]:
        """Yield the sentences; also lines that are only comments or begin a document, without tokens.

        Raises:
            TextError: with file and line, if a line cannot be understood.
            ConfigError: if there is no such layout or column.
        """
        pending: list[str] = []
        first, number = 1, 0
        for number, line in enumerate(lines, start=1):
            if self.layout is None and line.strip(" \t"):
                self.layout = self._choose(line)
            if isinstance(self.layout, PlainText):
                yield self.layout.read(self.source, number, [line], tagged=self.tagged)
                continue
            if line.strip(" \t"):
                if not pending:
                    first = number
                pending.append(line)
            elif pending:
                yield self._sentence(first, pending)
                pending = []
        if pending:
            yield self._sentence(first, pending)

    def _choose(self, line: str) -> Layout | None:
        is_comment = line.startswith("#") and "\t" not in line and self.layout_name in (None, "conllu")
        # "# ..." begins a file of CoNLL-U, or text whose first token is a number sign.
        if is_comment and (self.tagged or self.layout_name == "conllu" or " = " in line):
            return None
        if line.startswith(DOCUMENT_START):  # often without the columns of the lines of tokens
            self.layout_name = self.layout_name or ("tsv" if "\t" in line else "conll")
            return None
        return choose_layout(line, self.source, name=self.layout_name, column=self.column, tagged=self.tagged)

    def _sentence(self, first: int, lines: list[str]) -> TaggedSentence:
        if self.layout is None:  # nothing but comments and starts of documents so far
            return TaggedSentence(self.source, first, lines, [], [] if self.tagged else None, [])
        return self.layout.read(self.source, first, lines, tagged=self.tagged)


@checked
def read_tagged(
    path: str | os.PathLike[str],
    *,
    layout: str | None = None,
    column: str | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> list[TaggedSentence]:
    """Read all sentences of a tagged file that have tokens.

    Args:
        path: a path or an fsspec URL.
        layout: ``conllu``, ``tsv`` (columns separated by tabs) or ``conll`` (by spaces); by default what the
            first line looks like.
        column: of the tag: its number from 1, or from the end if it is negative, or a name of CoNLL-U. By
            default ``upos`` of CoNLL-U and the last of other files.
        on_bytes: called with the number of bytes that have just been read.

    Raises:
        TextError: with file and line, if it cannot be read or has no tokens.
        ConfigError: if there is no such layout or column.
    """
    reader = TaggedReader(os.fspath(path), layout, column)
    found = [sentence for sentence in reader.read(read_lines(path, on_bytes)) if sentence.tokens]
    if not found:
        raise TextError(
            f"{path}: no tokens in it: expected a token and a tag a line, an empty line after a sentence"
        )
    return found


def write_tagged(
    layout: Layout | None,
    sentence: TaggedSentence,
    tags: Sequence[str],
    probabilities: Sequence[float] | None = None,
) -> Iterator[str]:
    """Yield the lines of a sentence with the given tags, and the empty line after it.

    Args:
        layout: what :class:`TaggedReader` has found; None if it has not seen a token yet.
        sentence: the sentence.
        tags: a tag for each of its tokens.
        probabilities: of the tags, to be written as well.
    """
    shares = None if probabilities is None else [f"{share:.4f}" for share in probabilities]
    yield from sentence.lines if layout is None else layout.write(sentence, tags, shares)
    yield ""
