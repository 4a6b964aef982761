"""The bytes of a download received so far, kept on disk so that the download can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from elmokit.files.atomic import output_error, write_text
from elmokit.files.checksums import text_checksum
from elmokit.files.durable import flush, rename


class PartialFile:
    """The bytes of a file received so far, and the version of the remote file they belong to.

    Args:
        url: the remote file.
        path: the local file, once it is complete.
    """

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
        """Return whether all bytes have been received."""
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
        """Delete what has been received."""
        with self._local_errors():
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        self.validator = self.total = None

    def publish(self, path: Path) -> None:
        """Make it the complete file at ``path``."""
        flush(self.path)
        rename(self.path, path)
        flush(path.parent)
        self._note.unlink(missing_ok=True)

    @contextmanager
    def _local_errors(self) -> Iterator[None]:
        # Distinguished here from errors of the connection, which are OSErrors as well.
        try:
            yield
        except OSError as error:
            raise output_error(self.path, error) from error
