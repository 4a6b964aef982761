"""The bounds of a download in time and bytes, whatever a server sends."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from elmokit.data.waiting import SlowError
from elmokit.errors import FetchError, OutputError
from elmokit.repository.partial_file import PartialFile
from elmokit.repository.remote_file import RemoteStream

_MAX_BYTES = 20 << 30
"""Of a file whose size is not announced. The largest published model takes 4 GiB with its softmax."""
_MAX_SHARE_OF_ROOM = 0.5  # for such a file
_MAX_HOURS = 24
_SLOWEST_BYTES_PER_SECOND = 1000
_SLOW_SECONDS = 60  # over which the speed is measured


class Bounds:
    """Counts what a download receives, over all of its tries, and ends it at a bound.

    Args:
        path: where the bytes are written.
    """

    def __init__(self, path: Path) -> None:
        self._directory = path.parent
        self._started = time.monotonic()

    def start_response(self, url: str, partial: PartialFile, stream: RemoteStream) -> None:
        """Begin to count the bytes of a response.

        Raises:
            OutputError: when there is too little room for what has been announced.
        """
        self._url, self._partial = url, partial
        free = shutil.disk_usage(self._directory).free
        self._total, self._received = stream.total, stream.offset
        if stream.total is None:
            self._most = stream.offset + min(_MAX_BYTES, int(_MAX_SHARE_OF_ROOM * free))
        else:
            self._most = stream.total
        if stream.total is not None and stream.total - stream.offset > free:
            if stream.offset == 0:
                partial.discard()
            raise OutputError(
                f"{self._directory}: cannot write: the file has {stream.total:,} bytes, "
                f"but only {free:,} are free"
            )
        self._window_started, self._window_bytes = time.monotonic(), 0

    def count(self, num_bytes: int) -> None:
        """Count bytes that have been received.

        Raises:
            SlowError: when too few bytes have been received for too long.
            FetchError: when there are more bytes than allowed, or the download takes too long.
        """
        now = time.monotonic()
        self._received += num_bytes
        self._window_bytes += num_bytes
        if self._received > self._most:
            self._partial.discard()
            if self._total is not None:
                raise EOFError(f"got more than the announced {self._total:,} bytes")
            raise FetchError(
                f"{self._url}: more than {self._most:,} bytes from a server that does not announce the size: "
                "nothing has been kept: download it yourself, and give the local path"
            )
        if now - self._started > 3600 * _MAX_HOURS:
            raise FetchError(
                f"{self._url}: not complete after {_MAX_HOURS} hours: what was received has been kept if the "
                "server can resume; try again, or download it yourself and give the local path"
            )
        if (seconds := now - self._window_started) >= _SLOW_SECONDS:
            if self._window_bytes < _SLOWEST_BYTES_PER_SECOND * seconds:
                raise SlowError(f"less than {_SLOWEST_BYTES_PER_SECOND:,} bytes/s for {_SLOW_SECONDS:g} s")
            self._window_started, self._window_bytes = now, 0
