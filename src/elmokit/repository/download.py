"""Downloading a file completely or not at all, over every protocol of fsspec.

The bytes received so far are kept beside the file in a hidden ``.part``, with a note about the version of the
remote file that they belong to. An interrupted download resumes from there, in the same call or a later one;
if the remote file has changed in the meantime, it starts again. What arrives is checked before it gets its
name: it must have the announced size and the right checksum, and be what its name says.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

from filelock import FileLock
from tqdm import tqdm

from elmokit.data.waiting import SlowError
from elmokit.errors import DamagedCacheWarning, ElmokitError, FetchError
from elmokit.files.atomic import output_error
from elmokit.files.durable import make_directory
from elmokit.repository.bounds import Bounds
from elmokit.repository.content import content_problem
from elmokit.repository.partial_file import PartialFile
from elmokit.repository.remote_file import open_remote

_logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 15  # lost when the process is killed
_TRIES = 5  # in a row that make no progress
_SMALL_TRIES = 50  # in a row that make little progress
_LITTLE_BYTES = 1 << 20
_FIRST_DELAY_SECONDS = 0.5  # before the second try; doubled for each further one
_TIMEOUT_SECONDS = 60  # without receiving anything
_BAR_DELAY_SECONDS = 1.0  # shorter downloads need no progress bar
_BUSY = (408, 425, 429)  # HTTP client errors that are temporary
_CHECKSUM = re.compile(r"sha256:[0-9a-fA-F]{64}|sha1:[0-9a-fA-F]{40}|md5:[0-9a-fA-F]{32}")
# By name, because the packages that raise them (urllib3, botocore) may not be installed.
_CONNECT_ERRORS = frozenset(
    ("NewConnectionError", "ConnectTimeoutError", "ProxyError", "SSLError", "EndpointConnectionError")
)


# Trying again would lead to the same error.
_FINAL_ERRORS = frozenset(("TooManyRedirects", "InvalidSchema", "InvalidURL", "MissingSchema"))


class MissingFileError(FetchError, FileNotFoundError):
    """The remote file does not exist or cannot be accessed."""


class UnreachableError(FetchError):
    """There is no connection to the remote host."""


def download(url: str, path: Path, *, checksum: str | None = None) -> None:
    """Download a file unless it exists, with a progress bar on a terminal.

    Several processes may do so at once: one of them downloads, the others wait for it. A file that is there
    but is not what its name says, such as the page of a hotspot, is downloaded again.

    Args:
        url: a URL with any protocol that fsspec supports.
        path: the local file, which appears when it is complete and its checksum is right.
        checksum: the checksum of the file, if known: ``sha256:HEX``, ``sha1:HEX`` or ``md5:HEX``.

    Raises:
        UnreachableError: when there is no connection.
        MissingFileError: when the remote file does not exist or cannot be accessed.
        FetchError: when the download failed several times, exceeds a bound of time or bytes, or is not what
            its name or checksum says.
        OutputError: when the file cannot be written, or there is too little room for it.
        MissingExtraError: when the package for the protocol is not installed.
    """
    if checksum is not None and not _CHECKSUM.fullmatch(checksum):
        raise FetchError(f"checksum {checksum!r}: expected sha256:, sha1: or md5: followed by hex digits")
    try:
        if _is_there(path):
            return
        make_directory(path.parent)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not _is_there(path):
                _logger.info("downloading %s", path)  # the URL may contain credentials
                partial = PartialFile(url, path)
                _complete(url, partial)
                _check(url, partial, path, checksum)
                partial.publish(path)
    except ElmokitError:  # some are an OSError as well
        raise
    except OSError as error:  # local ones: remote ones become a FetchError
        raise output_error(path, error) from error


def _is_there(path: Path) -> bool:
    """Return whether a file has been downloaded; warn if what is there is not that file."""
    if not path.exists():
        return False
    problem = content_problem(path)
    if problem is not None:
        message = f"{path} is {problem}; it is downloaded again"
        warnings.warn(message, DamagedCacheWarning, stacklevel=3)
    return problem is None


def _complete(url: str, partial: PartialFile) -> None:
    """Receive the missing bytes, resuming when the connection is lost."""
    before = most = partial.size
    tries = small_tries = 0
    bounds = Bounds(partial.path)
    options = {"unit": "B", "unit_scale": True, "unit_divisor": 1024, "dynamic_ncols": True, "leave": False}
    with tqdm(desc=partial.name, disable=None, delay=_BAR_DELAY_SECONDS, **options) as bar:
        while not partial.is_complete():
            try:
                _receive(url, partial, bounds, bar)
                return
            except ElmokitError:
                raise
            except Exception as error:  # every file system raises its own kinds, with the whole URL in them
                gained = partial.num_bytes - most
                tries = 1 if gained > 0 and not isinstance(error, SlowError) else tries + 1
                small_tries = 0 if gained >= _LITTLE_BYTES else small_tries + 1
                most += max(gained, 0)
                if _is_final(error):
                    raise MissingFileError(f"{url}: {_reason(error)}: check the URL") from None
                if _is_unreachable(error) and (most == before or tries == _TRIES):
                    raise UnreachableError(
                        f"cannot reach {_host(url)} to fetch {url} ({_reason(error)})"
                    ) from None
                if tries == _TRIES or small_tries == _SMALL_TRIES:
                    raise _failed(url, partial, max(tries, small_tries), error) from None
            bar.set_postfix_str("connection lost, trying again")
            time.sleep(_FIRST_DELAY_SECONDS * 2 ** (tries - 1))


def _receive(url: str, partial: PartialFile, bounds: Bounds, bar: Any) -> None:
    """Receive bytes until the end of the response.

    Raises:
        FetchError: when a bound is exceeded.
        OutputError: when there is too little room, or writing fails.
        Exception: of any kind, when the connection fails.
    """
    stream = open_remote(url, partial.size, partial.validator, timeout_seconds=_TIMEOUT_SECONDS)
    # What has arrived, without waiting for a whole chunk: a server may send a byte a minute.
    read = getattr(stream.file, "read1", stream.file.read)
    with closing(stream.file):
        if stream.offset == 0:
            partial.start(stream.validator, stream.total)
        bounds.start_response(url, partial, stream)
        bar.total = stream.total
        bar.initial = bar.n = bar.last_print_n = stream.offset
        bar.set_postfix_str("")
        with partial.appending() as append:
            while data := read(_CHUNK_BYTES):
                append(data)
                bar.update(len(data))
                bounds.count(len(data))
    size = partial.num_bytes
    if stream.total is not None and size != stream.total:
        raise EOFError(f"got {size:,} bytes, expected {stream.total:,}")


def _check(url: str, partial: PartialFile, path: Path, checksum: str | None) -> None:
    """Check what has been received; what is wrong is deleted."""
    problem = content_problem(partial.path, path.suffix)
    if problem is not None:
        partial.discard()
        raise FetchError(
            f"{url}: the server sent {problem}: nothing of it has been kept: open the URL in a browser to "
            "see what it is, then try again"
        )
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
    if _is_caused_by(error, _FINAL_ERRORS):
        return True
    status = _status(error)
    return status is not None and 400 <= status < 500 and status not in _BUSY


def _is_unreachable(error: Exception) -> bool:
    return _is_caused_by(error, _CONNECT_ERRORS)


def _is_caused_by(error: Exception, names: frozenset[str]) -> bool:
    return any(kind.__name__ in names for cause in _causes(error) for kind in type(cause).__mro__)


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


def _failed(url: str, partial: PartialFile, tries: int, error: Exception) -> FetchError:
    of_total = f" of {partial.total:,}" if partial.total is not None else ""
    if partial.size:
        then = f"{partial.size:,}{of_total} bytes have been kept: try again to resume from there"
    else:
        then = "nothing has been kept to resume from: try again later"
    return FetchError(f"{url}: the download failed {tries} times ({_reason(error)}); {then}")


def _reason(error: Exception) -> str:
    if isinstance(error, SlowError) or _is_caused_by(error, frozenset(("TooManyRedirects",))):
        return str(error).rstrip(".")  # which names the bound
    if (status := _status(error)) is not None:
        return f"the server responded with HTTP {status} {error.response.reason or ''}".rstrip()  # type: ignore[attr-defined]
    if isinstance(error, FileNotFoundError):
        return "no such file"
    root = _causes(error)[-1]
    if isinstance(root, TimeoutError):
        return f"no response for {_TIMEOUT_SECONDS} s"
    reason = (root.strerror if isinstance(root, OSError) else None) or str(root)
    return " ".join(reason.split()) or type(root).__name__
