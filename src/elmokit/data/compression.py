"""Compressed text files: reading by suffix, and writing."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, Literal, Protocol
from urllib.parse import urlsplit

from elmokit.errors import MissingExtraError

Compression = Literal["none", "gz", "bz2", "xz", "zst"]

COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
_ZSTD_INPUT_BYTES = 1 << 16  # small, because highly compressed text expands a lot


class Readable(Protocol):
    """A binary stream that can be read."""

    def read(self, size: int, /) -> bytes:
        """Return some of the next bytes; none at the end."""


def decompressed(path: str, file: BinaryIO) -> Readable:
    """Return the decompressed content of an open file.

    Args:
        path: Path or URL of the file, whose suffix selects the decompression: .gz, .bz2, .xz, .zst, or none.
        file: The open file.

    Raises:
        MissingExtraError: If the decompression needs a package that is not installed.
    """
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


def compressor(compression: Compression) -> Callable[[IO[bytes]], Any]:
    """Return a function that wraps an open binary file in a compressing one, a context manager.

    Raises:
        MissingExtraError: If the compression needs a package that is not installed.
    """
    match compression:
        case "gz":
            # Neither name nor time in the header: the same text gives the same bytes.
            return lambda raw: gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0)
        case "bz2":
            return lambda raw: bz2.BZ2File(raw, "wb")
        case "xz":
            return lambda raw: lzma.LZMAFile(raw, "wb", preset=3)
        case "zst":
            try:
                import zstandard
            except ImportError as error:
                raise MissingExtraError("writing .zst files", "zstd") from error
            return lambda raw: zstandard.ZstdCompressor().stream_writer(raw)
        case "none":
            return _uncompressed


@contextmanager
def _uncompressed(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    yield raw


class _ZstdReader:
    """Decompresses a sequence of Zstandard frames, and notices a truncated one.

    The package's own stream reader mistakes the end of a truncated file for the end of the text.
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
        """Return the next piece of text, of any length; empty at the end of the file."""
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
