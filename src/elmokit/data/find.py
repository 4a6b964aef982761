"""Find the text files that paths, globs, directories and URLs refer to."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from elmokit.arguments import path_text
from elmokit.data.text_file import TextFile, answer, as_text_error, file_system, is_url
from elmokit.errors import MissingTextError
from elmokit.files.home import expanded

Patterns: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A path, glob, directory or URL of text, or a sequence of these; files found earlier are paths, too."""

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


Part: TypeAlias = Literal["train", "heldout"]
"""A part of the text in a directory that :func:`~elmokit.data.sharding.write_shards` has written."""

_CORPUS, _TOKENS = "corpus.json", "tokens.u32"  # files of a prepared corpus
_SHARD = re.compile(r"(train|heldout)-\d{5}\.txt(\.\w+)?")


def find_texts(patterns: Patterns, part: Part | None = None) -> list[TextFile]:
    """Find the text files that paths, globs, directories and URLs refer to.

    The file system is asked once about each file; a :class:`TextFile` among the patterns is taken as it is.

    Args:
        patterns: Each is a path (taken literally if it exists), a glob (``**`` matches any number of
            directories), a directory (all files below it except hidden ones), an fsspec URL, or a file found
            earlier. For a prepared corpus that is its ``corpus.json``, see :func:`prepared_directory`.
        part: The files to take from a directory of shards, which has training and heldout text side by side;
            None for all of them. With a part, a path that does not exist is the beginning of the paths of
            files, as in the scripts of bilm-tf.

    Returns:
        The files, each once, sorted by path.

    Raises:
        TextError: If a pattern matches no file, or a file cannot be accessed.
        ConfigError: If a pattern is no path, such as a number.
        MissingExtraError: If the package behind a URL's protocol is not installed.
    """
    found: dict[str, TextFile] = {}
    several = isinstance(patterns, Iterable) and not isinstance(patterns, str | bytes | os.PathLike)
    given: Iterable[Any] = patterns if several else [patterns]  # type: ignore[assignment]  # narrowed above
    for pattern in given:
        for file in [pattern] if isinstance(pattern, TextFile) else _find(path_text(pattern), part):
            # "text/a.txt" and "/home/me/text/a.txt" are one file.
            key = file.path if is_url(file.path) else str(Path(file.path).absolute())
            found.setdefault(key, file)
    return sorted(found.values(), key=lambda file: file.path)


def _find(pattern: str, part: Part | None) -> list[TextFile]:
    if not pattern.strip():
        raise MissingTextError(
            f"{pattern!r}: an empty path, expected text: is a variable of the shell unset?"
        )
    files = _find_remote(pattern) if is_url(pattern) else _find_local(pattern)
    if part is not None and len({Path(file.path).parent for file in files}) == 1:
        matches = [_SHARD.fullmatch(Path(file.path).name) for file in files]
        # Named one by one or by a glob, the files are those that are meant.
        if all(matches) and not glob.has_magic(pattern) and len(files) > 1:
            files = [file for file, match in zip(files, matches, strict=True) if match and match[1] == part]
    if not files and part is not None and not is_url(pattern):
        # In the scripts of bilm-tf a prefix is the beginning of the files' paths.
        files = _regular_files(map(Path, glob.glob(f"{glob.escape(str(expanded(pattern)))}*")))  # noqa: PTH207
    if not files:
        raise _no_match(pattern)
    return files


def prepared_directory(file: TextFile) -> Path | None:
    """Return the directory of a prepared corpus that :func:`find_texts` has found; None for a text."""
    path = Path(file.path)
    return path.parent if path.name == _CORPUS and _is_prepared(path.parent) else None


def _is_prepared(directory: Path) -> bool:
    # Path.is_file raises where even looking is not allowed.
    return all(os.path.isfile(directory / name) for name in (_CORPUS, _TOKENS))  # noqa: PTH113


def _find_local(pattern: str) -> list[TextFile]:
    path = expanded(pattern)
    if _is_prepared(path):
        path /= _CORPUS
    # A literal path first: its name may contain glob characters. It need not be a regular file (a pipe).
    status = _status(path)
    if status is not None:
        return _files_below(path) if stat.S_ISDIR(status.st_mode) else [TextFile.local(path, status)]
    # Path.glob would refuse an absolute pattern and find hidden files.
    return _regular_files(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207


def _files_below(directory: Path) -> list[TextFile]:
    paths = []
    for parent, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        paths += [Path(parent, name) for name in names if not name.startswith(".")]
    return _regular_files(paths)


def _regular_files(paths: Iterable[Path]) -> list[TextFile]:
    with_status = ((path, _status(path)) for path in paths)
    return [
        TextFile.local(path, status)
        for path, status in with_status
        if status is not None and stat.S_ISREG(status.st_mode)
    ]


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a file, or None if there is no such file."""
    with as_text_error(f"{path}: cannot read"):
        try:
            return path.stat()
        except ValueError:  # a NUL character in the path
            return None
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise


def _find_remote(url: str) -> list[TextFile]:
    remote, path = file_system(url)
    with as_text_error(f"{url}: cannot list"):
        info = answer(url, lambda: _remote_info(remote, path))
        if info is not None and info["type"] == "file":
            # A chained URL (simplecache::s3://...) differs from the last file system's name for the file.
            return [TextFile.remote(url if "::" in url else remote.unstrip_protocol(path), info)]
        return answer(url, lambda: _list_remote(remote, path))


def _list_remote(remote: Any, path: str) -> list[TextFile]:
    if remote.isdir(path):
        names = [name for name in remote.find(path) if "/." not in name.removeprefix(path)]
    else:
        entries = remote.glob(path, detail=True)
        names = [name for name, entry in entries.items() if entry["type"] == "file"]
    return [TextFile.remote(remote.unstrip_protocol(name), remote.info(name)) for name in names]


def _remote_info(remote: Any, path: str) -> dict[str, Any] | None:
    try:
        info: dict[str, Any] = remote.info(path)
    except Exception:  # file systems differ in what they raise if there is no file at the path
        return None
    return info


def _no_match(pattern: str) -> MissingTextError:
    where = "" if is_url(pattern) or Path(pattern).is_absolute() else f" (in {Path.cwd()})"
    if Path(pattern).is_dir():
        return MissingTextError(f"{pattern}{where}: the directory contains no files, expected text files")
    return MissingTextError(
        f"{pattern}{where}: no such file, and no file matches it as a glob: check the path"
    )
