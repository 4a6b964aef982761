"""A text file, local or behind a URL, and what is known about it without reading it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from elmokit.data.waiting import SlowError, call_within
from elmokit.errors import PROTOCOL_EXTRAS, ElmokitError, MissingExtraError, MissingTextError, TextError
from elmokit.errors.addresses import without_secrets
from elmokit.files.checksums import text_checksum

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")
# What file systems call the time or entity tag that changes with a file, in order of preference.
_CHANGE_KEYS = ("LastModified", "ETag", "Content-MD5", "Digest", "Last-Modified", "mtime", "created")
_UNKNOWN = "None"
_BLOCK = 1 << 16
_NUM_BLOCKS = 16  # of a file that are compared, evenly spread
_REQUEST_SECONDS = 300  # for the beginning of a response, or a block of a file
_SILENT_SECONDS = 60  # without a byte

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class TextFile:
    """A text file as it was when it was found.

    It can be used wherever a path is expected: ``str(file)`` and ``os.fspath(file)`` return the path.
    """

    path: str
    """Path or fsspec URL, spelled as it was found."""
    size: int | None
    """Size in bytes as stored, compressed or not; None if a server does not report it."""
    changed: int | str
    """Time of the last change in nanoseconds since 1970; for a URL, the time or entity tag as text."""
    status: tuple[int, int] | None = field(default=None, compare=False)
    """Inode and time of the last change of its status, which no program can set back; only for a regular file
    on a local disk."""

    @classmethod
    def local(cls, path: str | Path, status: os.stat_result) -> TextFile:
        """Describe a file on a local disk by its status."""
        identity = (status.st_ino, status.st_ctime_ns) if stat.S_ISREG(status.st_mode) else None
        return cls(str(path), status.st_size, status.st_mtime_ns, identity)

    @classmethod
    def remote(cls, url: str, info: Mapping[str, Any]) -> TextFile:
        """Describe a file behind a URL by what its fsspec file system reports about it."""
        changed = next((info[key] for key in _CHANGE_KEYS if info.get(key)), None)
        return cls(url, info.get("size"), str(changed))

    def __str__(self) -> str:
        return self.path

    def __fspath__(self) -> str:
        return self.path

    @property
    def address(self) -> str:
        """The absolute path, or the URL with all that it takes to read it: not to be shown or stored."""
        return self.path if is_url(self.path) else str(Path(self.path).absolute())

    @property
    def source_state(self) -> dict[str, Any]:
        """What distinguishes this state of the file from others, for JSON; a local path is absolute.

        A URL is without credentials and query, of which there is a checksum.
        """
        state = {"path": self.address, "size": self.size, "changed": self.changed}
        if is_url(self.path):
            state["path"] = without_secrets(self.path)
            # Not of the user information: there a checksum would tell whether a password has been guessed.
            _, mark, query = self.path.partition("?")
            if mark and state["path"] != self.path:
                state["query"] = text_checksum(query)
        return state

    def content_state(self) -> dict[str, Any] | None:
        """Return what changes with the content of the file even if size and time stay the same, for JSON.

        Returns:
            For a local file its status and a checksum of some blocks; None if nothing can be known, as of a
            pipe or a file behind a URL whose server tells neither time nor tag.

        Raises:
            TextError: If the file cannot be read.
        """
        if is_url(self.path):
            return None if self.changed == _UNKNOWN else {}
        if self.status is None or self.size is None:
            return None
        digest = hashlib.blake2b(digest_size=16)
        last = max(self.size - _BLOCK, 0)
        with as_text_error(f"{self.path}: cannot read"), Path(self.path).open("rb") as file:
            for start in sorted({last * k // (_NUM_BLOCKS - 1) for k in range(_NUM_BLOCKS)}):
                file.seek(start)
                digest.update(file.read(_BLOCK))
        inode, changed = self.status
        return {"inode": inode, "status_changed": changed, "blocks": digest.hexdigest()}


def look_up(path: str | os.PathLike[str]) -> TextFile:
    """Ask the file system about one file; a :class:`TextFile` is returned as it is.

    Args:
        path: A path or an fsspec URL.

    Raises:
        TextError: If the file is missing or cannot be accessed.
        MissingExtraError: If the package behind a URL's protocol is not installed.
    """
    if isinstance(path, TextFile):
        return path
    name = os.fspath(path)
    with as_text_error(f"{name}: cannot read"):
        if not is_url(name):
            return TextFile.local(name, Path(name).stat())
        remote, remote_name = file_system(name)
        return TextFile.remote(name, answer(name, lambda: remote.info(remote_name)))


def list_names(paths: Sequence[str | os.PathLike[str]]) -> str:
    """Return the names of the first three files of a text and the number of the others, for messages."""
    names = ", ".join(os.fspath(path) for path in paths[:3])
    return f"{names} and {len(paths) - 3} more" if len(paths) > 3 else names


def is_url(path: str) -> bool:
    """Return whether a path is an fsspec URL; a local file whose name looks like one is not."""
    return _URL.match(path) is not None and not os.path.lexists(path)


def is_http(url: str) -> bool:
    """Return whether a URL is read over HTTP, without another file system on top."""
    return url.lower().startswith(("http://", "https://"))


def answer(url: str, request: Callable[[], _Result]) -> _Result:
    """Return what a request gives; over HTTP within some minutes.

    Raises:
        TextError: when it takes longer.
        Exception: what the request raises.
    """
    if not is_http(url):
        return request()
    try:
        return call_within(_REQUEST_SECONDS, request)
    except SlowError as error:
        raise TextError(f"{url}: {error}: download the file, and give the local path") from None


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the URL's path in it.

    Raises:
        TextError: If the protocol is unknown or the file system cannot be reached.
        MissingExtraError: If the package behind the protocol is not installed.
    """
    import fsspec  # slow to import, and most texts are local

    protocol = url.split("://", 1)[0].rsplit("::", 1)[-1].lower()
    with as_text_error(f"{url}: cannot open"):
        try:
            remote, path = fsspec.core.url_to_fs(url, **(_http_options() if is_http(url) else {}))
        except ImportError:
            if protocol not in PROTOCOL_EXTRAS:
                raise
            raise MissingExtraError(f"reading {url}", PROTOCOL_EXTRAS[protocol]) from None
    return remote, path


def _http_options() -> dict[str, Any]:
    """Bound the time without a byte, instead of that of a response, however long it is."""
    import aiohttp
    import fsspec.config

    configured = fsspec.config.conf.get("http", {}).get("client_kwargs", {})
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_SILENT_SECONDS, sock_read=_SILENT_SECONDS)
    return {"client_kwargs": {"timeout": timeout, **configured}}


@contextmanager
def as_text_error(what: str, advice: str = "") -> Iterator[None]:
    """Turn every error in the context into a TextError; a URL is shown without credentials and query.

    Each file system and each decompressor raises exceptions of its own.
    """
    try:
        yield
    except (ElmokitError, MemoryError):
        raise
    except Exception as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        reason = " ".join(reason.split()) or type(error).__name__
        kind = MissingTextError if isinstance(error, FileNotFoundError) else TextError
        # The errors of file systems contain the URL with its credentials.
        raise kind(f"{what}: {reason}{advice}") from (None if "://" in what else error)
