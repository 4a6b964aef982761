"""Text files, wherever and however they are stored, to tokenized sentences.

One sentence a line, tokens separated by white space. Paths may be files, globs, directories or
fsspec URLs; compressed files are known by their suffix. Every fault is told by file and line.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

from elmokit.data.find import as_text_error, file_system, is_url
from elmokit.errors import MissingExtraError, TextError

_BLOCK_BYTES = 1 << 18  # of decompressed text read at a time
_REPORT_BYTES = 1 << 20  # between two calls of on_bytes
_ZSTD_INPUT_BYTES = 1 << 16  # small, because highly compressed text expands a lot
_UTF8_BOM = b"\xef\xbb\xbf"
_FORBIDDEN = ("<S>", "</S>")

# First bytes of files that people take for UTF-8 text, and what to do with them.
_HINTS = (
    (b"\x1f\x8b", "it is gzip-compressed: give it the suffix .gz"),
    (b"BZh", "it is bzip2-compressed: give it the suffix .bz2"),
    (b"\xfd7zXZ", "it is xz-compressed: give it the suffix .xz"),
    (b"\x28\xb5\x2f\xfd", "it is zstd-compressed: give it the suffix .zst"),
    (b"PK\x03\x04", "it is a zip archive: unpack it"),
    (b"\xff\xfe", "convert with iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "convert with iconv -f UTF-16 -t UTF-8"),
)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_lines(path: str, on_bytes: Callable[[int], None] | None = None) -> Iterator[str]:
    r"""Read a file line by line, decompressed by its suffix (.gz, .bz2, .xz, .zst).

    Lines end at ``\n`` only; a ``\r`` before it and a byte order mark at the start are dropped.

    Args:
        path: A path or an fsspec URL.
        on_bytes: Told now and then how many further bytes of the (compressed) file were consumed;
            in the end the sum is the file's size.

    Yields:
        The lines, without their ends.

    Raises:
        TextError: when the file is missing, unreadable, damaged or not UTF-8, or holds a NUL
            character.
        MissingExtraError: when reading it needs a package that is not installed.
    """
    reported = 0
    with _open(path) as file:
        stream = _decompressed(path, file)
        for lines_before, block in _whole_lines(path, stream):
            if lines_before == 0 and block.startswith(_UTF8_BOM):
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
            if "\r" in text:
                text = text.replace("\r\n", "\n").removesuffix("\r")
            yield from text.removesuffix("\n").split("\n")
            if on_bytes is not None and (position := _position(file)) - reported >= _REPORT_BYTES:
                on_bytes(position - reported)
                reported = position
        if stream is not file and file.seekable() and file.tell() == 0:
            raise TextError(f"{path}: the file is empty, expected compressed text: copy or download it again")
        if on_bytes is not None:
            on_bytes(_position(file) - reported)


def read_sentences(path: str, on_bytes: Callable[[int], None] | None = None) -> Iterator[list[str]]:
    """Read a file of tokenized sentences.

    Args:
        path: A path or an fsspec URL.
        on_bytes: As for :func:`read_lines`.

    Yields:
        The tokens of each line; no token for a blank line.

    Raises:
        TextError: as :func:`read_lines`, and for a line that holds a sentence marker as a token.
        MissingExtraError: as :func:`read_lines`.
    """
    for number, line in enumerate(read_lines(path, on_bytes), start=1):
        tokens = line.split()
        if "S>" in line:  # rare, so that most lines cost one look
            for column, token in enumerate(tokens, start=1):
                if token in _FORBIDDEN:
                    raise TextError(
                        f"{path}:{number}: token {column} is {token}, a sentence marker that elmokit adds "
                        "by itself: remove <S> and </S> from the text"
                    )
        yield tokens


def total_bytes(paths: Sequence[str]) -> int:
    """The size of all files as stored, compressed or not; what ``on_bytes`` will add up to.

    Raises:
        TextError: when a file is missing or its size cannot be learned.
        MissingExtraError: when the package behind a URL's protocol is not installed.
    """
    return sum(_size(path) for path in paths)


def is_storable(word: str) -> bool:
    """Whether a word can stand in a file of text: it holds no NUL and no lone surrogate."""
    try:
        return b"\0" not in word.encode()
    except UnicodeEncodeError:
        return False


def _open(path: str) -> BinaryIO:
    with as_text_error(f"{path}: cannot read"):
        if not is_url(path):
            return Path(path).open("rb")
        remote, name = file_system(path)
        file: BinaryIO = remote.open(name, "rb")
        return file


def _size(path: str) -> int:
    with as_text_error(f"{path}: cannot read"):
        if not is_url(path):
            return Path(path).stat().st_size
        remote, name = file_system(path)
        return remote.size(name) or 0  # None where a server does not tell


def _position(file: BinaryIO) -> int:
    return file.tell() if file.seekable() else 0


def _decompressed(path: str, file: BinaryIO) -> _Readable:
    name = urlsplit(path).path if path.startswith(("http://", "https://")) else path
    match PurePosixPath(name).suffix.lower():
        case ".gz":
            return gzip.GzipFile(fileobj=file, mode="rb")
        case ".bz2":
            return bz2.BZ2File(file)
        case ".xz":
            return lzma.LZMAFile(file)
        case ".zst":
            return _ZstdReader(path, file)
    return file


class _ZstdReader:
    """Decompresses Zstandard frames one after the other, and notices a truncated one.

    The package's own stream reader takes the end of a truncated file for the end of the text.
    """

    def __init__(self, path: str, file: BinaryIO) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise MissingExtraError(f"reading {path}", "zstd") from error
        self._new_frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj
        self._error = zstandard.ZstdError
        self._file = file
        self._frame: Any = None  # None between frames

    def read(self, _: int, /) -> bytes:
        """The text of the next piece of the file, of any length; empty at the end of the file."""
        while piece := self._file.read(_ZSTD_INPUT_BYTES):
            if text := self._decompress(piece):
                return text
        if self._frame is not None:
            raise EOFError("the last frame is not complete")
        return b""

    def _decompress(self, piece: bytes) -> bytes:
        text = []
        try:
            while piece:
                self._frame = self._frame or self._new_frame()
                text.append(self._frame.decompress(piece))
                piece = self._frame.unused_data
                if self._frame.eof:
                    self._frame = None
        except self._error as error:
            raise OSError(str(error)) from error
        return b"".join(text)


def _whole_lines(path: str, stream: _Readable) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole lines and how many lines come before; only the last line may lack its end."""
    num_lines = 0
    pending: list[bytes] = []  # a line that is longer than a block, in pieces
    while True:
        where = f" on after line {num_lines}" if num_lines else ""
        with as_text_error(f"{path}: cannot read{where}", " (is the file whole? copy or download it again)"):
            chunk = stream.read(_BLOCK_BYTES)
        if not chunk:
            break
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            pending.append(chunk)
            continue
        pending.append(chunk[:end])
        block = b"".join(pending)
        yield num_lines, block
        num_lines += block.count(b"\n")
        pending = [chunk[end:]]
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
