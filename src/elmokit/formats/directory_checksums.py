"""Checksums of the files of a model directory, which tell a damaged file from the one that was written.

``checksums.txt`` has a line for each file, as the command ``sha256sum`` writes them: ``sha256sum -c
checksums.txt`` verifies a directory as well. The model card is left out: people edit it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from elmokit.errors import MissingModelError, ModelFileError
from elmokit.files.checksums import file_sha256

CHECKSUMS_FILE = "checksums.txt"

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([\w.-]+)")
_TEXT_SUFFIXES = (".json", ".txt")


def write_checksums(directory: Path, names: Iterable[str]) -> None:
    """Write the checksums of files that have just been written."""
    lines = [f"{file_sha256(directory / name)}  {name}\n" for name in names]
    (directory / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")


def verify_checksums(directory: Path) -> None:
    """Compare the files of a directory with their checksums, if it has any.

    Directories of earlier versions have none. A file that is not listed may have been added later.

    Raises:
        ModelFileError: when a file is missing or is not the one that was written; the message names it.
    """
    path = directory / CHECKSUMS_FILE
    if not path.is_file():
        return
    for number, line in enumerate(_lines(path), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ModelFileError(f"{path}:{number}: damaged, expected a SHA-256 checksum and a file name")
        file = directory / match[2]
        if not file.is_file():
            raise MissingModelError(f"{file}: missing, but {CHECKSUMS_FILE} lists it: copy the model again")
        if match[1] not in _checksums(file):
            raise ModelFileError(
                f"{file}: damaged, or changed since it was written (its checksum is not that of "
                f"{CHECKSUMS_FILE}): copy the model again; if you changed it on purpose, delete "
                f"{CHECKSUMS_FILE}"
            )


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: cannot read the checksums: {error}") from None


def _checksums(file: Path) -> Iterable[str]:
    """Yield the checksums that a file may have: Git for Windows changes the line ends of texts."""
    try:
        yield file_sha256(file)
        if file.suffix in _TEXT_SUFFIXES:
            yield hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except OSError as error:
        raise ModelFileError(f"{file}: cannot read: {error.strerror or error}") from None
