"""Opening a remote file for reading, over every protocol of fsspec."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import fsspec

from elmokit._version import __version__
from elmokit.data.waiting import call_within
from elmokit.errors import PROTOCOL_EXTRAS, FetchError, MissingExtraError

_BLOCK_BYTES = 1 << 22  # requested from an object store at a time
_MAX_REDIRECTS = 10
_RESPONSE_SECONDS = 120  # for the headers of a response over HTTP, redirects included
# The keys of fsspec's file information that identify a version.
_VALIDATORS = ("ETag", "etag", "LastModified", "mtime", "created")
_SPAN = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")  # an HTTP Content-Range


@dataclass(frozen=True)
class RemoteStream:
    """A remote file that is open for reading."""

    file: Any
    offset: int
    """Position of the first byte that will be read."""
    total: int | None
    """Size of the whole file; None if unknown."""
    validator: str | None
    """Identifies the version of the file; None if unknown."""


def open_remote(url: str, offset: int, validator: str | None, *, timeout_seconds: float) -> RemoteStream:
    """Open a remote file, if possible at ``offset``.

    Args:
        url: a URL with any protocol that fsspec supports.
        offset: how many bytes have been received already.
        validator: the version of the file that these bytes belong to. If the file has changed, the stream
            starts at 0.
        timeout_seconds: how long to wait for a response, over HTTP.

    Raises:
        FetchError: when the protocol is unknown.
        MissingExtraError: when the package for the protocol is not installed.
        Exception: of any kind, when the file cannot be opened.
    """
    protocol = url.partition("://")[0].rpartition("::")[2].lower()
    try:
        if url.lower().startswith(("http://", "https://")):
            return _open_http(url, offset, validator, timeout_seconds)
        file_system, name = fsspec.core.url_to_fs(url)
    except ImportError as error:
        if protocol in PROTOCOL_EXTRAS:
            raise MissingExtraError(f"fetching {url}", PROTOCOL_EXTRAS[protocol]) from None
        raise FetchError(f"{url}: {error}") from None
    except ValueError as error:  # unknown protocol, not a URL
        raise FetchError(f"{url}: {error}") from None
    return _open_other(file_system, name, offset, validator)


def _open_http(url: str, offset: int, validator: str | None, timeout_seconds: float) -> RemoteStream:
    """Send one request, for the rest of the file if it is unchanged; the response says what it contains.

    The files of fsspec send a request per block, and would combine bytes of a file that changed between two
    requests; its streams lose what was received when the connection is lost.
    """
    import requests  # optional dependency

    headers = {
        "User-Agent": f"elmokit/{__version__}",  # some servers reject Python's default
        "Accept-Encoding": "identity",  # bytes as stored, so that sizes and offsets are right
    }
    if offset and validator:
        headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
    with requests.Session() as session:
        session.max_redirects = _MAX_REDIRECTS
        # The timeout is that of each packet, of which the headers of a response may have any number.
        response = call_within(
            _RESPONSE_SECONDS,
            lambda: session.get(url, headers=headers, stream=True, timeout=timeout_seconds),
        )
    status = response.status_code
    if status >= 400 and status != 416:
        response.close()
        response.raise_for_status()
    # A weak entity tag does not guarantee the same bytes.
    tag = response.headers.get("ETag")
    found = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
    if status not in (206, 416):
        length = response.headers.get("Content-Length")
        return RemoteStream(response.raw, 0, int(length) if length else None, found)
    span = _SPAN.fullmatch(response.headers.get("Content-Range", ""))
    if found == validator and span is not None and int(span[1]) == offset:
        return RemoteStream(response.raw, offset, None if span[2] == "*" else int(span[2]), found)
    response.close()
    if not offset:
        raise EOFError(f"HTTP {status} in response to a request for the whole file")
    return _open_http(url, 0, None, timeout_seconds)


def _open_other(file_system: Any, name: str, offset: int, validator: str | None) -> RemoteStream:
    info = file_system.info(name)
    if info["type"] == "directory":
        raise IsADirectoryError(f"{name} is a directory, expected a file")
    found = next((str(info[key]) for key in _VALIDATORS if info.get(key)), None)
    start = offset if found == validator else 0
    file = file_system.open(name, "rb", block_size=_BLOCK_BYTES)
    file.seek(start)
    return RemoteStream(file, start, info.get("size"), found)
