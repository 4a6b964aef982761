"""Read text files line by line or as tokenized sentences.

One sentence per line, tokens separated by white space. A file may be local or behind an fsspec URL; it is
decompressed according to its suffix. Errors name the file and line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from elmokit.arguments import path_text
from elmokit.data.compression import Readable, decompressed
from elmokit.data.remote_text import open_remote_text
from elmokit.data.text_file import as_text_error, is_url, list_names, look_up
from elmokit.errors import TextError
from elmokit.files.home import expanded

_BLOCK_BYTES = 1 << 14  # of decompressed text read at a time: its words fit the cache of a processor
_REPORT_BYTES = 1 << 20  # between two calls of on_bytes
_UTF8_BOM = b"\xef\xbb\xbf"
_FORBIDDEN = ("<S>", "</S>")

# First bytes of files that are often mistaken for UTF-8 text, and what to do with them.
_HINTS = (
    (b"\x1f\x8b", "the file is gzip-compressed: add the suffix .gz to its name"),
    (b"BZh", "the file is bzip2-compressed: add the suffix .bz2 to its name"),
    (b"\xfd7zXZ", "the file is xz-compressed: add the suffix .xz to its name"),
    (b"\x28\xb5\x2f\xfd", "the file is zstd-compressed: add the suffix .zst to its name"),
    (b"PK\x03\x04", "the file is a zip archive: unpack it"),
    (b"\xff\xfe", "convert with iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "convert with iconv -f UTF-16 -t UTF-8"),
)


@dataclass(frozen=True)
class Span:
    """A part of an uncompressed local file, from the beginning of a line to the end of one."""

    start: int
    """Position of its first byte."""
    end: int
    """Position after its last byte."""


def read_lines(
    path: str | os.PathLike[str], on_bytes: Callable[[int], object] | None = None
) -> Iterator[str]:
    r"""Read a file line by line, decompressed according to its suffix (.gz, .bz2, .xz, .zst).

    Lines end at ``\n``, ``\r\n`` or ``\r``, as in Python's text files; a byte order mark at the start is
    dropped.

    Args:
        path: A path or an fsspec URL.
        on_bytes: Called at intervals with the number of bytes of the (compressed) file read since the last
            call; at the end, the sum is the file's size.

    Yields:
        The lines, without their line ends.

    Raises:
        TextError: If the file is missing, unreadable, damaged or not UTF-8, or contains a NUL character.
        MissingExtraError: If reading it needs a package that is not installed.
    """
    for _, block in _blocks(path_text(path), on_bytes):
        yield from block.split("\n")


def _blocks(
    path: str, on_bytes: Callable[[int], object] | None, span: Span | None = None
) -> Iterator[tuple[int, str]]:
    """Yield blocks of whole lines, without the last line end, each with the number of lines before it."""
    reported = 0
    with open_text(path) as file:
        stream = decompressed(path, file) if span is None else _part_of(file, span)
        for lines_before, block in _whole_lines(path, stream):
            if lines_before == 0 and (span is None or span.start == 0) and block.startswith(_UTF8_BOM):
                block = block.removeprefix(_UTF8_BOM)
                if not block:
                    continue
            try:
                text = block.decode("utf-8")
            except UnicodeDecodeError as error:
                raise _not_utf8(path, lines_before, block, error.start) from None
            if "\0" in text:
                number = lines_before + text.count("\n", 0, text.index("\0")) + 1
                raise TextError(
                    f"{path}:{number}: NUL character, expected text: the file is probably binary or UTF-16 "
                    "(convert with iconv -f UTF-16 -t UTF-8)"
                )
            yield lines_before, text.removesuffix("\n")
            if on_bytes is not None and (position := _position(file)) - reported >= _REPORT_BYTES:
                on_bytes(position - reported)
                reported = position
        if span is None and stream is not file and file.seekable() and file.tell() == 0:
            raise TextError(f"{path}: the file is empty, expected compressed text: copy or download it again")
        if on_bytes is not None and span is None:
            on_bytes(_position(file) - reported)


def read_sentences(
    path: str | os.PathLike[str], on_bytes: Callable[[int], object] | None = None
) -> Iterator[list[str]]:
    """Read a file of tokenized sentences.

    Args:
        path: A path or an fsspec URL.
        on_bytes: See :func:`read_lines`.

    Yields:
        The tokens of each line; an empty list for a blank line.

    Raises:
        TextError: As for :func:`read_lines`, and if a token is a sentence marker.
        MissingExtraError: As for :func:`read_lines`.
    """
    for block in read_sentence_blocks(path, on_bytes):
        yield from block


def read_sentence_blocks(
    path: str | os.PathLike[str], on_bytes: Callable[[int], object] | None = None, span: Span | None = None
) -> Iterator[list[list[str]]]:
    """Read a file of tokenized sentences, many at a time, which is faster than one by one.

    Args:
        path: A path or an fsspec URL.
        on_bytes: See :func:`read_lines`; not called for a span.
        span: The part of the file to read; None for all of it. Errors count its lines from 1.

    Yields:
        Sentences as :func:`read_sentences` does, those of some hundred kilobytes of text.

    Raises:
        TextError: As for :func:`read_sentences`.
        MissingExtraError: As for :func:`read_lines`.
    """
    path = os.fspath(path)
    for lines_before, block in _blocks(path, on_bytes, span):
        sentences = [line.split() for line in block.split("\n")]
        if "S>" in block:  # rare, so that most blocks cost one look
            _refuse_markers(path, lines_before, sentences)
        yield sentences


def _refuse_markers(path: str, lines_before: int, sentences: list[list[str]]) -> None:
    for number, tokens in enumerate(sentences, start=lines_before + 1):
        for column, token in enumerate(tokens, start=1):
            if token in _FORBIDDEN:
                raise TextError(
                    f"{path}:{number}: token {column} is {token}, a sentence marker that elmokit adds "
                    "itself: remove <S> and </S> from the text"
                )


def total_bytes(paths: Iterable[str | os.PathLike[str]]) -> int:
    """Return the size of all files as stored, compressed or not: what ``on_bytes`` will add up to.

    Files from :func:`~elmokit.data.find.find_texts` know their sizes; the file system is asked about others.

    Raises:
        TextError: If a file is missing or its size cannot be determined.
        MissingExtraError: If the package behind a URL's protocol is not installed.
    """
    return sum(look_up(path).size or 0 for path in paths)


def no_token_error(paths: Sequence[str | os.PathLike[str]]) -> TextError:
    """Return the error for texts that are empty or consist of blank lines; it names the first files."""
    return TextError(
        f"the text contains no tokens ({list_names(paths) or 'no files'}): "
        "expected one sentence per line, tokens separated by spaces"
    )


def is_storable(word: str) -> bool:
    """Return whether a text file can contain a word: it has no NUL character and no lone surrogate."""
    try:
        return b"\0" not in word.encode()
    except UnicodeEncodeError:
        return False


def open_text(path: str) -> BinaryIO:
    """Open a file or an fsspec URL for reading, as it is stored.

    Raises:
        TextError: If it cannot be opened.
        MissingExtraError: If the package behind a URL's protocol is not installed.
    """
    with as_text_error(f"{path}: cannot read"):
        if not is_url(path):
            return expanded(path).open("rb")
        return open_remote_text(path)


class _PartReader:
    """Reads a part of an open file."""

    def __init__(self, file: BinaryIO, num_bytes: int) -> None:
        self._file, self._remaining = file, num_bytes

    def read(self, size: int, /) -> bytes:
        """Return some of the next bytes; none at the end of the part."""
        data = self._file.read(min(size, self._remaining))
        self._remaining -= len(data)
        return data


def _part_of(file: BinaryIO, span: Span) -> Readable:
    file.seek(span.start)
    return _PartReader(file, span.end - span.start)


def _position(file: BinaryIO) -> int:
    return file.tell() if file.seekable() else 0


def _whole_lines(path: str, stream: Readable) -> Iterator[tuple[int, bytes]]:
    r"""Yield blocks of whole lines that end at ``\n``, each with the number of lines before it.

    Only the last line may lack its line end.
    """
    num_lines = 0
    ends_in_return = False  # whether a ``\r`` is held back, which may be the first half of a line end
    pending: list[bytes] = []  # a line that is longer than a block, in pieces
    while True:
        where = f" beyond line {num_lines}" if num_lines else ""
        with as_text_error(
            f"{path}: cannot read{where}", " (is the file complete? copy or download it again)"
        ):
            chunk = stream.read(_BLOCK_BYTES)
        if not chunk:
            break
        if ends_in_return or b"\r" in chunk:
            chunk = b"\r" * ends_in_return + chunk
            ends_in_return = chunk.endswith(b"\r")
            chunk = chunk.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            pending.append(chunk)
            continue
        pending.append(chunk[:end])
        block = b"".join(pending)
        yield num_lines, block
        num_lines += block.count(b"\n")
        pending = [chunk[end:]]
    if ends_in_return:
        pending.append(b"\n")
    if rest := b"".join(pending):
        yield num_lines, rest


def _not_utf8(path: str, lines_before: int, block: bytes, at: int) -> TextError:
    start = block.rfind(b"\n", 0, at) + 1
    line = lines_before + block.count(b"\n", 0, at) + 1
    column = len(block[start:at].decode("utf-8")) + 1
    hint = "convert with iconv, for instance iconv -f LATIN1 -t UTF-8"
    if lines_before == 0:
        hint = next((hint for magic, hint in _HINTS if block.startswith(magic)), hint)
    return TextError(f"{path}:{line}: not valid UTF-8 (byte 0x{block[at]:02x} at column {column}): {hint}")
