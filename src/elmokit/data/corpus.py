"""Prepared corpora: text as memory-mapped word-type ids.

Preparing reads the text once and writes a directory::

    tokens.u32          type id of every token, sentence after sentence
    offsets.i64         where each sentence starts in tokens.u32, and the end
    spellings.bytes     the UTF-8 bytes of all distinct word types
    spelling_offsets.i64
    counts.i64          how often each type occurs
    corpus.json         format version, sources with their sizes and times, counts, fingerprint

Nothing in it depends on a vocabulary: which types are in the vocabulary is looked up when training
starts. Types 0 and 1 are the sentence boundaries. Memory is bounded by the number of distinct types.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from elmokit.data.characters import word_bytes
from elmokit.data.find import Patterns, find_texts
from elmokit.data.read import read_sentences
from elmokit.data.sources import source_state
from elmokit.data.vocabulary import no_token_error
from elmokit.data.word_types import BOS_TYPE, EOS_TYPE, NUM_BOUNDARY_TYPES, TypeTable
from elmokit.errors import CorpusError, OutputError
from elmokit.files.atomic import clear_leftovers, new_directory
from elmokit.files.cache import default_cache_dir
from elmokit.files.checksums import text_checksum
from elmokit.files.memory_map import map_array

FORMAT_VERSION = 2
_WRITE_TOKENS = 1 << 20  # tokens held before they go to the disk
_LEFTOVER_SECONDS = 24 * 60 * 60  # without a write: nobody prepares this slowly


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus, memory-mapped."""

    tokens: np.ndarray
    """(num_tokens,) uint32 type ids."""
    offsets: np.ndarray
    """(num_sentences + 1,) int64, blank lines included as sentences of no token."""
    types: TypeTable
    source_states: tuple[dict[str, Any], ...]
    """Of the files when they were read, see :func:`~elmokit.data.sources.source_state`."""
    first_lines: tuple[int, ...]
    """Where in ``offsets`` the lines of each source begin."""
    fingerprint: str
    """Of the text: the same sentences in the same order have the same fingerprint."""
    num_blank_lines: int

    @property
    def sources(self) -> tuple[str, ...]:
        """The paths of the files."""
        return tuple(state["path"] for state in self.source_states)

    @property
    def num_tokens(self) -> int:
        """Running words, boundaries not counted."""
        return len(self.tokens)

    @property
    def num_sentences(self) -> int:
        """Lines that hold a token."""
        return len(self.offsets) - 1 - self.num_blank_lines

    def place(self, index: int) -> str:
        """File and line of one sentence, such as ``text.txt:3``."""
        source = bisect.bisect_right(self.first_lines, index) - 1
        return f"{self.sources[source]}:{index - self.first_lines[source] + 1}"

    def length(self, index: int) -> int:
        """Tokens of one sentence, boundaries not counted."""
        return int(self.offsets[index + 1] - self.offsets[index])

    def sentence(self, index: int) -> np.ndarray:
        """Type ids of one sentence, boundaries included: (length + 2,) int64."""
        start, end = int(self.offsets[index]), int(self.offsets[index + 1])
        ids = np.empty(end - start + 2, dtype=np.int64)
        ids[0], ids[-1] = BOS_TYPE, EOS_TYPE
        ids[1:-1] = self.tokens[start:end]
        return ids

    def words(self, index: int) -> tuple[str, ...]:
        """The words of one sentence, boundaries not included."""
        return tuple(
            self.types.word(type_id) for type_id in self.tokens[self.offsets[index] : self.offsets[index + 1]]
        )

    @classmethod
    def from_sentences(cls, sentences: Iterable[Sequence[str]]) -> Corpus:
        """Prepare a text that is no file, in memory.

        Args:
            sentences: their tokens.

        Raises:
            CorpusError: when there is no token.
        """
        tokens, offsets = BytesIO(), BytesIO()
        numbering = _Numbering(tokens, offsets)
        numbering.add(sentences)
        numbering.flush()
        if numbering.num_tokens == 0:
            raise CorpusError("the text has no words")
        types, fingerprint = numbering.types()
        return cls(
            tokens=np.frombuffer(tokens.getbuffer(), np.uint32),
            offsets=np.frombuffer(offsets.getbuffer(), np.int64),
            types=types,
            source_states=(),
            first_lines=(),
            fingerprint=fingerprint,
            num_blank_lines=numbering.num_blank_lines,
        )

    def save(self, directory: Path) -> None:
        """Write the corpus into an empty directory, for :func:`open_corpus`."""
        (directory / "tokens.u32").write_bytes(self.tokens.data)
        (directory / "offsets.i64").write_bytes(self.offsets.data)
        self.types.save(directory)
        _write_meta(
            directory,
            sources=self.source_states,
            first_lines=self.first_lines,
            num_tokens=self.num_tokens,
            num_lines=len(self.offsets) - 1,
            num_blank_lines=self.num_blank_lines,
            num_types=len(self.types),
            fingerprint=self.fingerprint,
        )


def prepare_corpus(
    patterns: Patterns,
    *,
    cache_dir: Path | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Corpus:
    """Open the prepared form of a text, made first if need be.

    The prepared form is found again by the names, sizes and times of the files, so a changed source
    is noticed and prepared anew.

    Args:
        patterns: path, glob, directory or URL of text, one tokenized sentence a line; or several.
        cache_dir: where prepared corpora are kept; None for ``$ELMOKIT_CACHE`` or the user's cache
            directory.
        on_bytes: told how many bytes have been read, as they are.

    Raises:
        TextError: when nothing matches, a file cannot be read, or there is no token.
        OutputError: when the cache cannot be written.
    """
    paths = find_texts(patterns)
    sources = [source_state(path) for path in paths]
    root = cache_dir if cache_dir is not None else default_cache_dir() / "corpora"
    directory = root / _key(sources)
    if not _is_there(directory):
        try:
            with new_directory(directory) as temporary:
                now = temporary.stat().st_mtime  # of the file system, whose clock need not be this machine's
                clear_leftovers(root / "*", unchanged_since=now - _LEFTOVER_SECONDS)
                _write(temporary, paths, sources, on_bytes)
        except OutputError as error:
            if not _is_there(directory):  # otherwise another process has made it meanwhile
                raise OutputError(f"{error}; set ELMOKIT_CACHE to a directory with room for it") from error
    return open_corpus(directory)


def is_prepared(patterns: Patterns, cache_dir: Path) -> bool:
    """Whether :func:`prepare_corpus` would find the text prepared.

    Raises:
        TextError: when nothing matches.
    """
    return _is_there(cache_dir / _key([source_state(path) for path in find_texts(patterns)]))


def _key(sources: Sequence[dict[str, Any]]) -> str:
    return text_checksum(json.dumps([FORMAT_VERSION, sources]))


def _is_there(directory: Path) -> bool:
    return os.path.isdir(directory)  # noqa: PTH112  is_dir raises where even looking is not allowed


def open_corpus(directory: Path) -> Corpus:
    """Memory-map a prepared corpus.

    Raises:
        CorpusError: when it is damaged or of another format version.
    """
    try:
        meta = json.loads((directory / "corpus.json").read_text(encoding="utf-8"))
        if meta["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {meta['format_version']}, expected {FORMAT_VERSION}")
        tokens = map_array(directory / "tokens.u32", np.uint32, (meta["num_tokens"],))
        offsets = map_array(directory / "offsets.i64", np.int64, (meta["num_lines"] + 1,))
        spelling_offsets = map_array(directory / "spelling_offsets.i64", np.int64, (meta["num_types"] + 1,))
        counts = map_array(directory / "counts.i64", np.int64, (meta["num_types"],))
        spellings = map_array(directory / "spellings.bytes", np.uint8, (int(spelling_offsets[-1]),))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{directory}: damaged prepared corpus ({error}): delete the directory, it will be made again"
        ) from None
    return Corpus(
        tokens=tokens,
        offsets=offsets,
        types=TypeTable(spellings, spelling_offsets, counts),
        source_states=tuple(meta["sources"]),
        first_lines=tuple(meta["first_lines"]),
        fingerprint=meta["fingerprint"],
        num_blank_lines=meta["num_blank_lines"],
    )


def _write(
    directory: Path,
    paths: Sequence[str],
    sources: Sequence[dict[str, Any]],
    on_bytes: Callable[[int], None] | None,
) -> None:
    with (
        (directory / "tokens.u32").open("wb") as tokens_file,
        (directory / "offsets.i64").open("wb") as offsets_file,
    ):
        numbering = _Numbering(tokens_file, offsets_file)
        first_lines = []
        for path in paths:
            first_lines.append(numbering.num_lines)
            numbering.add(read_sentences(path, on_bytes))
        numbering.flush()
    if numbering.num_tokens == 0:
        raise no_token_error(paths)
    types, fingerprint = numbering.types()
    types.save(directory)
    _write_meta(
        directory,
        sources=sources,
        first_lines=first_lines,
        num_tokens=numbering.num_tokens,
        num_lines=numbering.num_lines,
        num_blank_lines=numbering.num_blank_lines,
        num_types=len(types),
        fingerprint=fingerprint,
    )


def _write_meta(directory: Path, **values: Any) -> None:
    meta = {"format_version": FORMAT_VERSION, **values}
    (directory / "corpus.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


class _Numbering:
    """Numbers the types of a text as they come, and writes the ids of its tokens.

    Args:
        tokens_file: for the type ids.
        offsets_file: for where each sentence starts, and the end.
    """

    def __init__(self, tokens_file: BinaryIO, offsets_file: BinaryIO) -> None:
        self.num_tokens = self.num_lines = self.num_blank_lines = 0
        self._tokens_file, self._offsets_file = tokens_file, offsets_file
        self._tokens, self._offsets = array("I"), array("q", [0])
        self._type_ids: dict[str, int] = {}
        self._counts = array("q", [0] * NUM_BOUNDARY_TYPES)
        self._fingerprint = hashlib.blake2b(digest_size=16)

    def add(self, sentences: Iterable[Sequence[str]]) -> None:
        """Append sentences to the text."""
        type_ids, counts, tokens, offsets = self._type_ids, self._counts, self._tokens, self._offsets
        for sentence in sentences:
            for word in sentence:
                type_id = type_ids.get(word)
                if type_id is None:
                    type_id = type_ids[word] = len(counts)
                    counts.append(0)
                counts[type_id] += 1
                tokens.append(type_id)
            self.num_tokens += len(sentence)
            self.num_blank_lines += not sentence
            self.num_lines += 1
            offsets.append(self.num_tokens)
            if len(tokens) >= _WRITE_TOKENS or len(offsets) >= _WRITE_TOKENS:
                self.flush()

    def flush(self) -> None:
        """Write what is held."""
        for values, file in ((self._tokens, self._tokens_file), (self._offsets, self._offsets_file)):
            self._fingerprint.update(values)
            values.tofile(file)
            del values[:]

    def types(self) -> tuple[TypeTable, str]:
        """The types of the whole text, and its fingerprint."""
        self._counts[BOS_TYPE] = self._counts[EOS_TYPE] = self.num_lines
        fingerprint = self._fingerprint.copy()
        spellings = bytearray()
        offsets = array("q", [0] * (NUM_BOUNDARY_TYPES + 1))
        for word in self._type_ids:
            spelling = word_bytes(word)
            fingerprint.update(spelling + b"\n")
            spellings += spelling
            offsets.append(len(spellings))
        table = TypeTable(
            np.frombuffer(spellings, np.uint8),
            np.frombuffer(offsets, np.int64),
            np.frombuffer(self._counts, np.int64),
        )
        return table, fingerprint.hexdigest()
