"""A prepared corpus: text as memory-mapped word-type ids.

A prepared corpus is a directory::

    tokens.u32          type id of every token, sentence after sentence
    offsets.i64         index of each sentence's first token in tokens.u32, and the number of tokens
    spellings.bytes     the UTF-8 bytes of all distinct word types
    spelling_offsets.i64
    counts.i64          number of occurrences of each type
    corpus.json         format version, source files with sizes and times, counts, fingerprint, checksums

It does not depend on a vocabulary: the types are looked up in one when training starts. Types 0 and 1 are the
sentence boundaries.
"""

from __future__ import annotations

import bisect
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from elmokit.arguments import checked, whole_number
from elmokit.data.numbering import TypeNumbering
from elmokit.data.sentences import tokenized
from elmokit.data.word_types import BOS_TYPE, EOS_TYPE, TypeTable
from elmokit.errors import ConfigError, CorpusError, StaleCorpusError
from elmokit.files.checksums import file_sha256, values_checksum
from elmokit.files.json_table import read_json
from elmokit.files.memory_map import map_array

FORMAT_VERSION = 2
ARRAY_FILES = ("tokens.u32", "offsets.i64", "spellings.bytes", "spelling_offsets.i64", "counts.i64")


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus, memory-mapped or in memory."""

    tokens: np.ndarray
    """(num_tokens,) uint32 type ids."""
    offsets: np.ndarray
    """(num_lines + 1,) int64 index of each line's first token, and the number of tokens; a blank line is a
    sentence without tokens."""
    types: TypeTable
    source_states: tuple[dict[str, Any], ...]
    """States of the source files when they were read, see
    :attr:`~elmokit.data.text_file.TextFile.source_state`."""
    first_lines: tuple[int, ...]
    """Index of each source file's first line."""
    fingerprint: str
    """Checksum of the text: the same sentences in the same order have the same fingerprint."""
    num_blank_lines: int

    def __repr__(self) -> str:
        name, more = (self.sources or ("in memory",))[0], len(self.sources) - 1
        return (
            f"Corpus({name!r}{f' and {more} more files' if more > 0 else ''}, "
            f"num_sentences={self.num_sentences}, num_tokens={self.num_tokens}, num_types={len(self.types)})"
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Paths of the source files."""
        return tuple(state["path"] for state in self.source_states)

    @property
    def num_tokens(self) -> int:
        """Number of tokens, sentence boundaries not counted."""
        return len(self.tokens)

    @property
    def num_lines(self) -> int:
        """Number of lines, blank ones included."""
        return len(self.offsets) - 1

    @property
    def num_sentences(self) -> int:
        """Number of lines with at least one token."""
        return self.num_lines - self.num_blank_lines

    def location(self, index: int) -> str:
        """Return the file and line of a sentence, for example ``text.txt:3``; in memory, its number."""
        index = self._checked(index)
        if not self.sources:
            return f"sentence {index}"
        source = bisect.bisect_right(self.first_lines, index) - 1
        return f"{self.sources[source]}:{index - self.first_lines[source] + 1}"

    def place(self, index: int) -> str:
        """Deprecated: use :meth:`location`."""
        warnings.warn("Corpus.place is now Corpus.location", DeprecationWarning, stacklevel=2)
        return self.location(index)

    def length(self, index: int) -> int:
        """Return the number of tokens of a sentence, boundaries not counted."""
        index = self._checked(index)
        return int(self.offsets[index + 1] - self.offsets[index])

    def sentence(self, index: int) -> np.ndarray:
        """Return the type ids of a sentence, boundaries included: (length + 2,) int64."""
        return self.spans(np.array([index]), np.array([0]), np.array([self.length(index) + 2]), 1)

    def spans(self, sentences: np.ndarray, starts: np.ndarray, counts: np.ndarray, step: int) -> np.ndarray:
        """Return type ids of spans of sentences, one span after the other: (sum of counts,) int64.

        Args:
            sentences: (n,) index of each span's sentence.
            starts: (n,) place in the sentence where the span starts: 0 is its beginning, 1 its first token,
                and length + 1 its end.
            counts: (n,) number of places in the span, at least 1.
            step: 1 to read forward, -1 to read backward.
        """
        try:
            ends = np.cumsum(counts)
            indices = np.arange(ends[-1] if len(ends) else 0) * step
            before = self.offsets[sentences] - 1
            indices += np.repeat(before + starts - step * (ends - counts), counts)
            ids = self.tokens.take(indices, mode="clip").astype(np.int64)
            # Only the first and the last place of a span can be an end of its sentence.
            for at, place in ((ends - counts, starts), (ends - 1, starts + step * (counts - 1))):
                ids[at[place == 0]] = BOS_TYPE
                ids[at[before + place == self.offsets[sentences + 1]]] = EOS_TYPE
        except (IndexError, TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise ConfigError(f"expected three arrays of sentences, starts and counts: {error}") from None
        return ids

    def words(self, index: int) -> tuple[str, ...]:
        """Return the words of a sentence, boundaries not included."""
        index = self._checked(index)
        return tuple(
            self.types.word(type_id) for type_id in self.tokens[self.offsets[index] : self.offsets[index + 1]]
        )

    def _checked(self, index: int) -> int:
        if type(index) is not int:
            index = whole_number("index", index)
        if not 0 <= index < self.num_lines:
            raise ConfigError(f"index: expected a sentence from 0 to {self.num_lines - 1:,}, got {index}")
        return index

    @classmethod
    def from_sentences(cls, sentences: Iterable[str | Sequence[str]]) -> Corpus:
        """Prepare a text in memory that is not stored in a file.

        Args:
            sentences: Lists of tokens, or plain strings, which are split on whitespace.

        Raises:
            CorpusError: If there is no token.
            ElmokitError: If ``sentences`` is a single string, or a sentence or token is not a string.
        """
        tokens, offsets = BytesIO(), BytesIO()
        numbering = TypeNumbering(tokens, offsets)
        numbering.add(tokenized(sentences))
        types, fingerprint = numbering.finish()
        if numbering.num_tokens == 0:
            raise CorpusError("the text has no words")
        return cls(
            tokens=np.frombuffer(tokens.getbuffer(), np.uint32),
            offsets=np.frombuffer(offsets.getbuffer(), np.int64),
            types=types,
            source_states=(),
            first_lines=(),
            fingerprint=fingerprint,
            num_blank_lines=numbering.num_blank_lines,
        )

    @checked
    def save(self, directory: Path) -> None:
        """Write the corpus into an empty directory, from which :func:`open_corpus` reads it.

        Raises:
            OSError: If it cannot be written.
        """
        (directory / "tokens.u32").write_bytes(self.tokens.data)
        (directory / "offsets.i64").write_bytes(self.offsets.data)
        self.types.save(directory)
        write_summary(
            directory,
            sources=self.source_states,
            first_lines=self.first_lines,
            num_tokens=self.num_tokens,
            num_lines=self.num_lines,
            num_blank_lines=self.num_blank_lines,
            num_types=len(self.types),
            fingerprint=self.fingerprint,
        )


def write_summary(directory: Path, **values: Any) -> None:
    """Write ``corpus.json``, the last file of a prepared corpus, with its own checksum."""
    summary = {"format_version": FORMAT_VERSION, **values}
    text = json.dumps({**summary, "own_checksum": values_checksum(summary)}, indent=2)
    (directory / "corpus.json").write_text(text + "\n", encoding="utf-8")


def read_summary(directory: Path) -> dict[str, Any]:
    """Return the values of ``corpus.json``.

    Raises:
        CorpusError: If it is damaged or has another format version.
    """
    with _damage_named(directory):
        summary = read_json(directory / "corpus.json")
        if summary["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {summary['format_version']}, expected {FORMAT_VERSION}")
        # Earlier versions wrote none; there the checksums of verify_corpus are missing as well, or it is a
        # part of an index, which has a checksum of this file.
        own_checksum = summary.pop("own_checksum", None)
        if own_checksum is not None and own_checksum != values_checksum(summary):
            raise ValueError("wrong checksum of corpus.json")
        assert isinstance(summary, dict)
        return summary


def verify_corpus(directory: Path, content: Sequence[Mapping[str, Any] | None]) -> None:
    """Check that a prepared corpus is undamaged and still that of its files.

    Args:
        directory: the prepared corpus.
        content: the present states of the files, from
            :meth:`~elmokit.data.text_file.TextFile.content_state`.

    Raises:
        CorpusError: If a file of the corpus has changed since it was written.
        StaleCorpusError: If a file of the text has changed, or it cannot be known.
    """
    if read_summary(directory).get("content") != list(content) or None in content:
        raise StaleCorpusError(f"{directory}: not the present content of the text")
    verify_checksums(directory)


def verify_checksums(directory: Path) -> None:
    """Check that the files of a prepared corpus have not changed since they were written.

    Raises:
        CorpusError: If one has, or there is no checksum.
    """
    summary = read_summary(directory)
    with _damage_named(directory):
        checksums = summary["checksums"]
        for name in ARRAY_FILES:
            if file_sha256(directory / name) != checksums[name]:
                raise ValueError(f"wrong checksum of {name}")


def open_corpus(directory: Path) -> Corpus:
    """Memory-map a prepared corpus.

    Raises:
        CorpusError: If it is damaged or has another format version.
    """
    summary = read_summary(directory)
    with _damage_named(directory):
        num_types = summary["num_types"]
        spelling_offsets = map_array(directory / "spelling_offsets.i64", np.int64, (num_types + 1,))
        counts = map_array(directory / "counts.i64", np.int64, (num_types,))
        spellings = map_array(directory / "spellings.bytes", np.uint8, (int(spelling_offsets[-1]),))
        sources, first_lines = summary["sources"], summary["first_lines"]
        if not all(isinstance(source["path"], str) for source in sources):
            raise TypeError("a source without a path")
        if len(sources) != len(first_lines) or not all(type(line) is int for line in first_lines):
            raise TypeError("not one first line for each source")
        fingerprint, num_blank_lines = summary["fingerprint"], summary["num_blank_lines"]
        if type(fingerprint) is not str or type(num_blank_lines) is not int:
            raise TypeError("fingerprint or num_blank_lines of another type")
        return Corpus(
            tokens=map_array(directory / "tokens.u32", np.uint32, (summary["num_tokens"],)),
            offsets=map_array(directory / "offsets.i64", np.int64, (summary["num_lines"] + 1,)),
            types=TypeTable(spellings, spelling_offsets, counts),
            source_states=tuple(sources),
            first_lines=tuple(first_lines),
            fingerprint=fingerprint,
            num_blank_lines=num_blank_lines,
        )


@contextmanager
def _damage_named(directory: Path) -> Iterator[None]:
    """Turn what damaged files raise into a CorpusError."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise CorpusError(
            f"{directory}: damaged prepared corpus ({reason}): delete the directory to have it prepared again"
        ) from None
