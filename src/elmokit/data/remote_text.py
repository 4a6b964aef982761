"""Reading a text behind a URL, within bounds of time and bytes, whatever its server sends."""

from __future__ import annotations

import re
import time
from typing import Any, BinaryIO, cast

from elmokit.data.text_file import answer, file_system, is_http
from elmokit.errors import TextError

_MAX_BYTES = 100 << 30
"""Of a text whose size is not announced: twenty times the text of the original model."""
_MAX_HOURS = 24
_SLOWEST_BYTES_PER_SECOND = 1000
_SLOW_SECONDS = 60  # over which the speed is measured
_BLOCK_BYTES = 1 << 20  # of one request over HTTP
_BEGINNING_BYTES = 4096
_WEB_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype|html|head|body|script|meta)\b", re.IGNORECASE | re.DOTALL
)
_WEB_PAGE_NAME = re.compile(r"\.x?html?([?#]|$)", re.IGNORECASE)


def is_web_page(beginning: bytes) -> bool:
    """Return whether a file that begins like this is a web page."""
    return _WEB_PAGE.match(beginning[:_BEGINNING_BYTES]) is not None


def open_remote_text(url: str) -> BinaryIO:
    """Open a text behind a URL for reading.

    Raises:
        TextError: when it cannot be opened, and while reading, when it is a web page that a hotspot or a
            login page has sent, ends early, is too long without an announced size, or comes too slowly.
        MissingExtraError: when the package behind the protocol is not installed.
    """
    remote, name = file_system(url)
    options = {"block_size": _BLOCK_BYTES} if is_http(url) else {}
    return cast(BinaryIO, RemoteText(url, answer(url, lambda: remote.open(name, "rb", **options))))


class RemoteText:
    """The bytes of an open remote file, counted.

    Args:
        url: for messages.
        file: the open file of an fsspec file system.
    """

    def __init__(self, url: str, file: Any) -> None:
        self._url, self._file = url, file
        self._size: int | None = getattr(file, "size", None)
        self._position = 0
        self._beginning = b""
        self._seconds = self._window_seconds = 0.0  # of waiting for bytes
        self._window_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Return some of the next bytes; none at the end.

        Raises:
            TextError: when a bound is exceeded, or the file ends before its announced size.
        """
        started = time.monotonic()
        chunk: bytes = answer(self._url, lambda: self._file.read(size))
        self._position += len(chunk)
        self._check_content(chunk)
        if self._size is None:
            self._check_length()
        elif not chunk and size != 0 and self._position < self._size:
            raise TextError(
                f"{self._url}: got {self._position:,} bytes, expected {self._size:,}: try again, or download "
                "the file and give the local path"
            )
        if chunk and is_http(self._url):
            self._check_speed(len(chunk), time.monotonic() - started)
        return chunk

    def tell(self) -> int:
        """Return the number of bytes read so far."""
        return self._position

    def seek(self, position: int) -> None:
        """Go on at another position; only its beginning shows that a file is a web page."""
        answer(self._url, lambda: self._file.seek(position))
        self._position = position
        if position:
            self._beginning = bytes(_BEGINNING_BYTES)

    def seekable(self) -> bool:
        """Return whether the position is known."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> RemoteText:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_content(self, chunk: bytes) -> None:
        if len(self._beginning) >= _BEGINNING_BYTES or _WEB_PAGE_NAME.search(self._url):
            return
        self._beginning += chunk[:_BEGINNING_BYTES]
        if is_web_page(self._beginning):
            raise TextError(
                f"{self._url}: the server sent a web page, as a hotspot, a proxy or a login page does: open "
                "the URL in a browser to see what it is"
            )

    def _check_length(self) -> None:
        if self._position > _MAX_BYTES:
            raise TextError(
                f"{self._url}: more than {_MAX_BYTES:,} bytes from a server that does not announce the size: "
                "download the file, and give the local path"
            )

    def _check_speed(self, num_bytes: int, seconds: float) -> None:
        self._seconds += seconds
        self._window_seconds += seconds
        self._window_bytes += num_bytes
        if self._seconds > 3600 * _MAX_HOURS:
            raise TextError(
                f"{self._url}: not complete after {_MAX_HOURS} hours: download the file, and give the local "
                "path"
            )
        if self._window_seconds < _SLOW_SECONDS:
            return
        if self._window_bytes < _SLOWEST_BYTES_PER_SECOND * self._window_seconds:
            raise TextError(
                f"{self._url}: less than {_SLOWEST_BYTES_PER_SECOND:,} bytes/s for {_SLOW_SECONDS} s: "
                "download the file, and give the local path"
            )
        self._window_seconds, self._window_bytes = 0.0, 0
