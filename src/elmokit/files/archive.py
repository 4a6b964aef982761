"""Unpacking ZIP archives of models, which may be of unknown origin."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from elmokit.errors import MissingModelError, ModelFileError, OutputError
from elmokit.files.leftovers import temporary_directory

# Weights compress by a tenth, text to a third. DEFLATE can reach a thousandth, which only ZIP bombs do.
_MAX_RATIO = 200
_FREE_OF_RATIO_BYTES = 10 << 20
_MAX_BYTES = 20 << 30  # the original model takes 4 GiB with its softmax over 800,000 words and accumulators
_MAX_MEMBERS = 5000
_MAX_REPORTED = 10  # members with a problem
_CHUNK_BYTES = 1 << 20
_LONGEST_END_BYTES = 22 + 0xFFFF  # of the end record with its comment
_OTHER_METHODS = {9: "Deflate64", 12: "BZip2", 14: "LZMA", 93: "Zstandard", 95: "XZ"}
_IS_ENCRYPTED = 0x2041  # flags: encrypted, strongly encrypted, hidden directory
# What the standard library raises for a damaged archive, depending on where the damage is.
_ZIP_ERRORS = (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, zlib.error)


@contextmanager
def extracted(path: Path) -> Iterator[Path]:
    """Unpack a ZIP archive for as long as the context lasts.

    The members are checked as far as the archive's directory describes them before the first byte is
    written. Files that macOS adds (``__MACOSX``, ``.DS_Store``, ``._name``) are skipped.

    Args:
        path: the archive.

    Yields:
        The directory that contains the model: the only top-level folder, or else everything.

    Raises:
        ModelFileError: when the file is missing, damaged or not a ZIP archive, or has members that would be
            written outside of the directory, are not plain files, are encrypted, or would unpack to an
            absurd size.
        OutputError: when the disk is full.
    """
    if not path.is_file():
        raise MissingModelError(f"{path}: no such file: expected a ZIP archive")
    with _temporary_directory(path) as directory:
        with _opened(path) as archive:
            members = _checked_members(path, archive.infolist())
            _check_room(path, sum(member.file_size for member in members), directory)
            for member in members:
                _extract(archive, member, path, directory)
        tops = list(directory.iterdir())
        yield tops[0] if len(tops) == 1 and tops[0].is_dir() else directory


@contextmanager
def _temporary_directory(path: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(temporary_directory())
        except OSError as error:
            raise OutputError(
                f"{path}: cannot create a temporary directory to unpack it: {error.strerror or error}"
            ) from error
        yield directory


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        expected = _expected_members(path)
        archive = zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        raise ModelFileError(f"{path}: damaged, or not a ZIP archive of a model ({_reason(error)})") from None
    with archive:
        # The standard library does not compare the numbers: a wrong length could hide members.
        if expected is not None and expected != len(archive.infolist()):
            raise ModelFileError(
                f"{path}: damaged ({len(archive.infolist())} members in its directory, expected {expected}): "
                "download the archive again"
            )
        yield archive


def _expected_members(path: Path) -> int | None:
    """Return the number of members in the end record; None when it refers to another record."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_END_BYTES))
        end = file.read()
    position = end.rfind(b"PK\5\6") + 10
    count = int.from_bytes(end[position : position + 2], "little")
    return None if count == 0xFFFF else count


def _checked_members(path: Path, members: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the files to unpack."""
    if len(members) > _MAX_MEMBERS:
        raise ModelFileError(f"{path}: {len(members)} members, expected at most {_MAX_MEMBERS} for a model")
    members = [member for member in members if not _is_from_macos(member)]
    files = [member for member in members if not member.filename.endswith("/")]
    if not files:
        raise ModelFileError(f"{path}: no files in this archive, expected a model")
    file_paths = {PurePosixPath(member.filename) for member in files}
    folded = Counter(name.casefold() for name in {member.filename for member in files})
    seen: set[PurePosixPath] = set()
    problems = []
    for member in members:
        inside = PurePosixPath(member.filename)
        problem = _problem(member)
        if problem is None and inside in seen and inside in file_paths:
            problem = "twice in the archive"
        if problem is None and inside not in seen and folded[member.filename.casefold()] > 1:
            problem = "twice in the archive, but for upper and lower case"
        if problem is None and not file_paths.isdisjoint(inside.parents):
            problem = "inside a member that is a file"
        if problem is not None:
            problems.append(f"{member.orig_filename!r}: {problem}")
        seen.add(inside)
    if problems:
        more = f"; and {len(problems) - _MAX_REPORTED} more" if len(problems) > _MAX_REPORTED else ""
        raise ModelFileError(f"{path}: not unpacked: " + "; ".join(problems[:_MAX_REPORTED]) + more)
    return files


def _is_from_macos(member: zipfile.ZipInfo) -> bool:
    parts = member.filename.split("/")
    return parts[0] == "__MACOSX" or parts[-1] == ".DS_Store" or parts[-1].startswith("._")


def _problem(member: zipfile.ZipInfo) -> str | None:
    """Return why a member must not be unpacked; None if it may be."""
    name = member.orig_filename
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or "\\" in name or re.match("[A-Za-z]:", name):
        return "an absolute path, a drive or a backslash, expected a relative path with /"
    if not name.isprintable() or {"", ".", ".."} & set(parts):
        return "not a plain path, expected names separated by single /"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a symbolic link" if kind == stat.S_IFLNK else "a device or another special file"
    if member.flag_bits & _IS_ENCRYPTED:
        return "encrypted: unpack the archive and give the path of the directory"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _OTHER_METHODS.get(member.compress_type, f"method {member.compress_type}")
        return f"compressed with {method}, expected Deflate: unpack it and give the path of the directory"
    return None


def _check_room(path: Path, num_bytes: int, directory: Path) -> None:
    limit = min(_MAX_BYTES, max(_FREE_OF_RATIO_BYTES, _MAX_RATIO * path.stat().st_size))
    if num_bytes > limit:
        raise ModelFileError(
            f"{path}: not unpacked: {path.stat().st_size} bytes would become {num_bytes}, "
            f"expected at most {limit} for a model"
        )
    free = shutil.disk_usage(directory).free
    if num_bytes > free:
        raise OutputError(
            f"{directory}: cannot unpack {path}: needs {num_bytes} bytes, but only {free} are free: "
            "free some space, or set TMPDIR to a directory with more"
        )


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, directory: Path) -> None:
    target = directory / member.filename
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for chunk in _chunks(archive, member, path):
                file.write(chunk)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot unpack {path} there: {error.strerror or error}: "
            "free some space, or set TMPDIR to a directory with more"
        ) from error


def _chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Iterator[bytes]:
    """Yield the content of a member, at most as many bytes as expected, and verify its checksum."""
    num_bytes = 0
    try:
        with archive.open(member) as source:
            while chunk := source.read(_CHUNK_BYTES):
                num_bytes += len(chunk)
                yield chunk
        if num_bytes != member.file_size:
            raise EOFError(f"{num_bytes} bytes, expected {member.file_size}")
    except _ZIP_ERRORS as error:
        raise ModelFileError(
            f"{path}: {member.filename}: damaged ({_reason(error)}): download the archive again"
        ) from None


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error) or type(error).__name__).split("\n", 1)[0]
