"""Writing files and directories completely or not at all.

Everything is written under a temporary name in the same directory, flushed to disk and then renamed, so that
a crash, a full disk or Ctrl-C leaves either the old content or the new one. What a killed process leaves
behind is cleared when the same path is written again, see :mod:`elmokit.files.leftovers`.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from elmokit.errors import ElmokitError, OutputError
from elmokit.files.durable import flush, make_directory, rename
from elmokit.files.home import expanded
from elmokit.files.leftovers import clear_leftovers, owned, remove, replaced_path, temporary_path


def output_error(path: Path, error: OSError) -> OutputError:
    """Return an :class:`OutputError` that names ``path`` and says why it cannot be written."""
    return OutputError(f"{path}: cannot write: {error.strerror or error}")


def refuse_unwritable(directory: Path) -> None:
    """Refuse a directory that could not be written, before hours of work.

    Raises:
        OutputError: if it is a file or below one, or may not be written.
    """
    present = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    code = None
    if not present.is_dir():
        code = errno.EEXIST if present == directory else errno.ENOTDIR
    elif not os.access(present, os.W_OK | os.X_OK):
        code = errno.EACCES
    if code is not None:
        raise output_error(directory, OSError(code, os.strerror(code)))


class Kind(NamedTuple):
    """A kind of file that a writer may replace."""

    description: str
    """For messages, such as ``a vocabulary``."""
    matches: Callable[[Path], bool]
    """Whether an existing file is of this kind."""


def kind_by_beginning(description: str, pattern: bytes) -> Kind:
    """Return a kind whose files begin with a regular expression."""

    def matches(path: Path) -> bool:
        with path.open("rb") as file:
            return re.match(pattern, file.read(4096), re.IGNORECASE) is not None

    return Kind(description, matches)


@contextmanager
def new_file(path: Path, kind: Kind | None = None) -> Iterator[Path]:
    """Yield a temporary path in ``path``'s directory; on success it replaces ``path``.

    Missing parent directories are created. A symbolic link is followed, and the permissions of a file that
    is replaced are kept. What is not a regular file, such as a pipe or a device, is not replaced: the content
    is written to it at the end.

    Args:
        path: the file to write.
        kind: what an existing file must be, unless it is empty; None to replace any file.

    Raises:
        OutputError: when the file cannot be written or is of another kind; nothing is left behind.
    """
    try:
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        make_directory(target.parent)
        before = _status(target)
        if before is not None and stat.S_ISDIR(before.st_mode):
            raise IsADirectoryError(21, "is a directory, expected a file name")
        if before is not None and stat.S_ISSOCK(before.st_mode):
            raise OSError(6, "is a socket, expected a file name")
        is_regular = before is None or stat.S_ISREG(before.st_mode)
        is_occupied = is_regular and before is not None and before.st_size > 0
        if kind is not None and is_occupied and not kind.matches(target):
            raise OutputError(
                f"{path}: already exists and is not {kind.description}: choose another name, or delete it"
            )
        beside = target if is_regular else Path(tempfile.gettempdir(), target.name)
        with _new_temporary(beside) as temporary:
            temporary.touch(exist_ok=False)
            yield temporary
            if not is_regular:
                with temporary.open("rb") as source, target.open("wb") as stream:
                    shutil.copyfileobj(source, stream)
                return
            flush(temporary)
            if before is not None:
                temporary.chmod(stat.S_IMODE(before.st_mode))
            rename(temporary, target)
            flush(target.parent)
    except ElmokitError:  # some are an OSError as well
        raise
    except OSError as error:
        raise output_error(path, error) from error


@contextmanager
def new_files(kinds: Mapping[Path, Kind | None]) -> Iterator[dict[Path, Path]]:
    """Yield a temporary path for each of some files of one directory that belong together.

    On success they replace the files. A directory that is new appears at once, with all of them; otherwise
    all are complete on the disk before the first one is renamed.

    Args:
        kinds: the files, and what existing ones must be, see :func:`new_file`.

    Raises:
        OutputError: when one cannot be written or is of another kind; nothing is left behind.
    """
    (directory,) = {path.parent for path in kinds}
    if not directory.exists() and not directory.is_symlink():
        with new_directory(directory) as temporary:
            yield {path: temporary / path.name for path in kinds}
        return
    with ExitStack() as stack:
        temporaries = {path: stack.enter_context(new_file(path, kind)) for path, kind in kinds.items()}
        yield temporaries
        for temporary in temporaries.values():
            flush(temporary)


@contextmanager
def new_directory(path: Path, *, first_wins: bool = False) -> Iterator[Path]:
    """Yield a temporary directory beside ``path``; on success it becomes ``path``.

    An existing directory at ``path`` is replaced.

    Args:
        path: the directory to write.
        first_wins: whether to leave a directory that another process has written there in the meantime, since
            somebody may be reading it.

    Raises:
        OutputError: when it cannot be written, or ``path`` is the current directory or the root; nothing is
            left behind.
    """
    if not path.name:
        raise OutputError(f"{path}: expected the name of a new directory")
    try:
        make_directory(path.parent)
        with _new_temporary(path) as temporary:
            temporary.mkdir()
            yield temporary
            for inside in temporary.rglob("*"):
                if inside.is_file():
                    inside.chmod(0o666 & ~_umask())  # some libraries give access to the owner only
                flush(inside)
            flush(temporary)
            if first_wins:
                _rename_unless_there(temporary, path)
            else:
                _replace_directory(temporary, path)
    except ElmokitError:  # some are an OSError as well
        raise
    except OSError as error:
        raise output_error(path, error) from error


def write_text(path: Path, text: str, kind: Kind | None = None) -> None:
    """Write ``text`` as UTF-8, completely or not at all.

    Args:
        path: the file to write, see :func:`new_file`.
        text: the content.
        kind: what an existing file must be; None to replace any file.

    Raises:
        OutputError: when the file cannot be written or is of another kind.
    """
    with new_file(path, kind) as temporary:
        temporary.write_text(text, encoding="utf-8")


def refuse_inputs(output: str | Path, inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse an output that is one of the inputs, under whatever name.

    Raises:
        OutputError: naming the output.
    """
    status = _status(expanded(output))
    if status is None:
        return
    for path in inputs:
        other = _status(expanded(path))
        if other is not None and os.path.samestat(status, other):
            same = "" if str(output) == os.fspath(path) else f", {os.fspath(path)}"
            raise OutputError(f"{output}: this is an input{same}: choose another output")


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a file, or None if there is none."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def _new_temporary(path: Path) -> Iterator[Path]:
    """Yield a temporary name for ``path``; what is there at the end is removed, as are earlier leftovers."""
    clear_leftovers(path.parent, path.name)
    temporary = temporary_path(path)
    with owned(temporary):
        try:
            yield temporary
        finally:
            with suppress(OSError):
                remove(temporary)


def _replace_directory(temporary: Path, path: Path) -> None:
    """Rename a directory to ``path``. At every moment either the old or the new one exists, complete.

    For a moment the old one has another name, which :func:`clear_leftovers` recognizes.
    """
    replaced = replaced_path(temporary)
    try:
        if path.is_dir() and not path.is_symlink():
            rename(path, replaced)
        rename(temporary, path)
    finally:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
    flush(path.parent)  # before the old one goes
    shutil.rmtree(replaced, ignore_errors=True)


def _rename_unless_there(temporary: Path, path: Path) -> None:
    """Rename a directory to ``path``, which the system refuses if a directory with content is there."""
    try:
        rename(temporary, path)
    except OSError:
        if not path.is_dir():
            raise
    flush(path.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
