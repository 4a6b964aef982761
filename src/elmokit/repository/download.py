"""Downloading a file completely or not at all, over every protocol of fsspec.

The bytes received so far are kept beside the file in a hidden ``.part``, with a note about the version of the
remote file that they belong to. An interrupted download resumes from there, in the same call or a later one;
if the remote file has changed in the meantime, it starts again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from filelock import FileLock
from tqdm import tqdm

from elmokit._version import __version__
from elmokit.errors import PROTOCOL_EXTRAS, ElmokitError, FetchError, MissingExtraError
from elmokit.files.atomic import output_error, write_text
from elmokit.files.checksums import text_checksum

_CHUNK_BYTES = 1 << 15  # lost when the process is killed
_BLOCK_BYTES = 1 << 22  # requested from an object store at a time
_TRIES = 5  # in a row that make no progress
_FIRST_DELAY_SECONDS = 0.5  # before the second try; doubled for each further one
_TIMEOUT_SECONDS = 60  # without receiving anything
_BAR_DELAY_SECONDS = 1.0  # shorter downloads need no progress bar
_BUSY = (408, 425, 429)  # HTTP client errors that are temporary
_VALIDATORS = (
    "ETag",
    "etag",
    "LastModified",
    "mtime",
    "created",
)  # keys of fsspec's file information that identify a version
_SPAN = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")  # an HTTP Content-Range
_CHECKSUM = re.compile(r"sha256:[0-9a-fA-F]{64}|sha1:[0-9a-fA-F]{40}|md5:[0-9a-fA-F]{32}")
# By name, because the packages that raise them (urllib3, botocore) may not be installed.
_CONNECT_ERRORS = frozenset(
    ("NewConnectionError", "ConnectTimeoutError", "ProxyError", "SSLError", "EndpointConnectionError")
)


class MissingFileError(FetchError, FileNotFoundError):
    """The remote file does not exist or cannot be accessed."""


class UnreachableError(FetchError):
    """There is no connection to the remote host."""


def download(url: str, path: Path, *, checksum: str | None = None) -> None:
    """Download a file unless it exists, with a progress bar on a terminal.

    Several processes may do so at once: one of them downloads, the others wait for it.

    Args:
        url: a URL with any protocol that fsspec supports.
        path: the local file, which appears when it is complete and its checksum is right.
        checksum: the checksum of the file, if known: ``sha256:HEX``, ``sha1:HEX`` or ``md5:HEX``.

    Raises:
        UnreachableError: when there is no connection.
        MissingFileError: when the remote file does not exist or cannot be accessed.
        FetchError: when the download failed several times, or its checksum is wrong.
        OutputError: when the file cannot be written.
        MissingExtraError: when the package for the protocol is not installed.
    """
    if path.exists():
        return
    if checksum is not None and not _CHECKSUM.fullmatch(checksum):
        raise FetchError(f"checksum {checksum!r}: expected sha256:, sha1: or md5: followed by hex digits")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                partial = _Partial(url, path)
                _complete(url, partial)
                _check(url, partial, checksum)
                partial.publish(path)
    except ElmokitError:  # some are an OSError as well
        raise
    except OSError as error:  # local ones: remote ones become a FetchError
        raise output_error(path, error) from error


class _Partial:
    """The bytes of a file received so far, and the version of the remote file they belong to."""

    def __init__(self, url: str, path: Path) -> None:
        self.name = path.name
        self.path = path.with_name(f".{path.name}.part")
        self._note = path.with_name(f".{path.name}.part.json")
        # A URL may contain a signature, which must not be stored on disk.
        self._source = text_checksum(url)
        self.validator: str | None = None
        self.total: int | None = None
        self._read_note()

    def _read_note(self) -> None:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["source"] == self._source:
                self.validator, self.total = note["validator"], note["total"]
        except (OSError, ValueError, KeyError, TypeError):
            return  # no valid note: without a validator the download starts again

    @property
    def size(self) -> int:
        """Bytes to resume from: none if the version of the remote file is not known."""
        return self.num_bytes if self.validator is not None else 0

    @property
    def num_bytes(self) -> int:
        """Bytes received so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def is_complete(self) -> bool:
        return self.total is not None and self.size == self.total > 0

    def start(self, validator: str | None, total: int | None) -> None:
        """Start again. The order ensures that old bytes never have a new note."""
        self.discard()
        self.validator, self.total = validator, total
        note = {"source": self._source, "validator": validator, "total": total}
        write_text(self._note, json.dumps(note) + "\n")

    @contextmanager
    def appending(self) -> Iterator[Callable[[bytes], None]]:
        """Yield a function that appends bytes."""

        def append(data: bytes) -> None:
            view = memoryview(data)
            with self._local_errors():
                while view:
                    view = view[file.write(view) :]

        with self._local_errors():
            # Unbuffered, so that everything received is in the file whatever happens to this process.
            file = self.path.open("ab", buffering=0)
        with file:
            yield append

    def discard(self) -> None:
        with self._local_errors():
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        self.validator = self.total = None

    def publish(self, path: Path) -> None:
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(path)
        self._note.unlink(missing_ok=True)

    @contextmanager
    def _local_errors(self) -> Iterator[None]:
        # Distinguished here from errors of the connection, which are OSErrors as well.
        try:
            yield
        except OSError as error:
            raise output_error(self.path, error) from error


@dataclass(frozen=True)
class _Stream:
    """A remote file that is open for reading."""

    file: Any
    offset: int
    """Position of the first byte that will be read."""
    total: int | None
    """Size of the whole file; None if unknown."""
    validator: str | None
    """Identifies the version of the file; None if unknown."""


def _complete(url: str, partial: _Partial) -> None:
    """Receive the missing bytes, resuming when the connection is lost."""
    before = most = partial.size
    tries = 0
    options = {"unit": "B", "unit_scale": True, "unit_divisor": 1024, "dynamic_ncols": True, "leave": False}
    with tqdm(desc=partial.name, disable=None, delay=_BAR_DELAY_SECONDS, **options) as bar:
        while not partial.is_complete():
            try:
                _receive(url, partial, bar)
                return
            except ElmokitError:
                raise
            except Exception as error:  # every file system raises its own kinds
                size = partial.num_bytes
                tries = 1 if size > most else tries + 1
                most = max(most, size)
                if _is_final(error):
                    raise MissingFileError(f"{url}: {_reason(error)}: check the URL") from error
                if _is_unreachable(error) and (most == before or tries == _TRIES):
                    raise UnreachableError(
                        f"cannot reach {_host(url)} to fetch {url} ({_reason(error)})"
                    ) from error
                if tries == _TRIES:
                    raise _failed(url, partial, error) from error
            bar.set_postfix_str("connection lost, trying again")
            time.sleep(_FIRST_DELAY_SECONDS * 2 ** (tries - 1))


def _receive(url: str, partial: _Partial, bar: Any) -> None:
    stream = _open(url, partial)
    with closing(stream.file):
        if stream.offset == 0:
            partial.start(stream.validator, stream.total)
        bar.total = stream.total
        bar.initial = bar.n = bar.last_print_n = stream.offset
        bar.set_postfix_str("")
        with partial.appending() as append:
            while data := stream.file.read(_CHUNK_BYTES):
                append(data)
                bar.update(len(data))
    size = partial.num_bytes
    if stream.total is not None and size != stream.total:
        if size > stream.total:
            partial.discard()
        raise EOFError(f"got {size:,} bytes, expected {stream.total:,}")


def _open(url: str, partial: _Partial) -> _Stream:
    protocol = url.partition("://")[0].rpartition("::")[2].lower()
    try:
        if url.lower().startswith(("http://", "https://")):
            return _open_http(url, partial.size, partial.validator)
        file_system, name = fsspec.core.url_to_fs(url)
    except ImportError as error:
        if protocol in PROTOCOL_EXTRAS:
            raise MissingExtraError(f"fetching {url}", PROTOCOL_EXTRAS[protocol]) from error
        raise FetchError(f"{url}: {error}") from error
    except ValueError as error:  # unknown protocol, not a URL
        raise FetchError(f"{url}: {error}") from error
    return _open_other(file_system, name, partial.size, partial.validator)


def _open_http(url: str, offset: int, validator: str | None) -> _Stream:
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
    response = requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS)
    status = response.status_code
    if status >= 400 and status != 416:
        response.close()
        response.raise_for_status()
    # A weak entity tag does not guarantee the same bytes.
    tag = response.headers.get("ETag")
    found = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
    if status not in (206, 416):
        length = response.headers.get("Content-Length")
        return _Stream(response.raw, 0, int(length) if length else None, found)
    span = _SPAN.fullmatch(response.headers.get("Content-Range", ""))
    if found == validator and span is not None and int(span[1]) == offset:
        return _Stream(response.raw, offset, None if span[2] == "*" else int(span[2]), found)
    response.close()
    if not offset:
        raise EOFError(f"HTTP {status} in response to a request for the whole file")
    return _open_http(url, 0, None)


def _open_other(file_system: Any, name: str, offset: int, validator: str | None) -> _Stream:
    info = file_system.info(name)
    if info["type"] == "directory":
        raise IsADirectoryError(f"{name} is a directory, expected a file")
    found = next((str(info[key]) for key in _VALIDATORS if info.get(key)), None)
    start = offset if found == validator else 0
    file = file_system.open(name, "rb", block_size=_BLOCK_BYTES)
    file.seek(start)
    return _Stream(file, start, info.get("size"), found)


def _check(url: str, partial: _Partial, checksum: str | None) -> None:
    if checksum is None:
        return
    algorithm, _, expected = checksum.partition(":")
    with partial.path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    if digest.hexdigest() != expected.lower():
        partial.discard()
        raise FetchError(
            f"{url}: {algorithm} {digest.hexdigest()}, expected {expected.lower()}: damaged in transit, or "
            "the remote file has changed: the download has been deleted, try again"
        )


def _is_final(error: Exception) -> bool:
    """Return whether trying again is useless."""
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return True
    status = _status(error)
    return status is not None and 400 <= status < 500 and status not in _BUSY


def _is_unreachable(error: Exception) -> bool:
    return any(kind.__name__ in _CONNECT_ERRORS for cause in _causes(error) for kind in type(cause).__mro__)


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, the root cause last."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    return causes


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of a failed request; None for other errors."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _failed(url: str, partial: _Partial, error: Exception) -> FetchError:
    of_total = f" of {partial.total:,}" if partial.total is not None else ""
    if partial.size:
        then = f"{partial.size:,}{of_total} bytes have been kept: try again to resume from there"
    else:
        then = "nothing has been kept to resume from: try again later"
    return FetchError(f"{url}: the download failed {_TRIES} times ({_reason(error)}); {then}")


def _reason(error: Exception) -> str:
    if (status := _status(error)) is not None:
        return f"the server responded with HTTP {status} {error.response.reason or ''}".rstrip()  # type: ignore[attr-defined]
    if isinstance(error, FileNotFoundError):
        return "no such file"
    root = _causes(error)[-1]
    if isinstance(root, TimeoutError):
        return f"no response for {_TIMEOUT_SECONDS} s"
    reason = (root.strerror if isinstance(root, OSError) else None) or str(root)
    return " ".join(reason.split()) or type(root).__name__
