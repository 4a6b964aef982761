"""Prepare a text once, and find it prepared the next time."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from elmokit.arguments import checked, whole_number
from elmokit.data.corpus import (
    FORMAT_VERSION,
    Corpus,
    open_corpus,
    read_summary,
    verify_checksums,
    verify_corpus,
)
from elmokit.data.find import Patterns, find_texts, prepared_directory
from elmokit.data.text_file import TextFile, list_names
from elmokit.data.write_corpus import write_corpus
from elmokit.errors import (
    CacheNotWritableWarning,
    CorpusError,
    DamagedCacheWarning,
    OutputError,
    StaleCorpusError,
    TextError,
)
from elmokit.files.atomic import new_directory
from elmokit.files.cache import default_cache_dir
from elmokit.files.checksums import text_checksum
from elmokit.files.leftovers import clear_leftovers
from elmokit.processes import MOST_PROCESSES

_logger = logging.getLogger(__name__)


@checked
def prepare_corpus(
    patterns: Patterns,
    *,
    cache_dir: Path | None = None,
    fallback_dir: Path | None = None,
    on_bytes: Callable[[int], None] | None = None,
    num_processes: int = 1,
) -> Corpus:
    """Open the prepared form of a text; prepare the text first if that has not been done before.

    A prepared text is identified by the paths, sizes and times of its files, and a checksum of some of their
    blocks is compared, so a text that has changed is prepared again. So is one whose prepared form is damaged
    (with a :class:`DamagedCacheWarning`), and one whose state cannot be known, such as a pipe.

    Args:
        patterns: Path, glob, directory or URL of text, one tokenized sentence per line; or several of them.
            Or one directory with a prepared corpus, which is only compared with its checksums.
        cache_dir: Directory for prepared corpora; ``$ELMOKIT_CACHE`` or the user's cache directory by
            default.
        fallback_dir: Directory for prepared corpora to use, with a :class:`CacheNotWritableWarning`, if the
            cache cannot be written. A text that has been prepared there is opened without looking at the
            cache.
        on_bytes: Called at intervals with the number of bytes read since the last call. The number is
            negative when reading starts again for ``fallback_dir``, so that the sum is always right.
        num_processes: Number of processes to prepare a large text in; the prepared text is the same. See
            :mod:`elmokit.processes` on scripts.

    Raises:
        TextError: If nothing matches, a file cannot be read, or there is no token.
        OutputError: If the prepared corpus cannot be written.
    """
    num_processes = whole_number("num_processes", num_processes, least=1, most=MOST_PROCESSES)
    files = find_texts(patterns)
    if (corpus := _prepared_before(files)) is not None:
        return corpus
    name = _corpus_name(files)
    cache = cache_dir if cache_dir is not None else default_cache_dir() / "corpora"
    if fallback_dir is None:
        return _open_or_prepare(cache / name, files, on_bytes, num_processes)
    if _is_usable(fallback_dir / name, [file.content_state() for file in files]):
        return open_corpus(fallback_dir / name)
    progress = _Progress(on_bytes)
    try:
        return _open_or_prepare(cache / name, files, progress.add, num_processes)
    except OutputError as error:
        warnings.warn(
            f"{error}; the prepared text is kept in {fallback_dir} instead",
            CacheNotWritableWarning,
            stacklevel=3,
        )
    progress.reset()
    return _open_or_prepare(fallback_dir / name, files, progress.add, num_processes)


def find_prepared(fingerprint: str, *, cache_dir: Path | None = None) -> Corpus | None:
    """Open a text that this machine has prepared, by its fingerprint.

    Nothing but the cache is looked at, so the fingerprint may come from others.

    Args:
        fingerprint: see :attr:`Corpus.fingerprint`.
        cache_dir: as for :func:`prepare_corpus`.
    """
    cache = cache_dir if cache_dir is not None else default_cache_dir() / "corpora"
    for path in sorted(cache.glob("*/corpus.json")):
        try:
            if read_summary(path.parent)["fingerprint"] == fingerprint:
                verify_checksums(path.parent)
                return open_corpus(path.parent)
        except (CorpusError, OSError):
            continue
    return None


def _prepared_before(files: Sequence[TextFile]) -> Corpus | None:
    """Open a corpus that the user has named; None for texts."""
    directories = [prepared_directory(file) for file in files]
    if not any(directories):
        return None
    if len(directories) > 1:
        raise TextError(
            f"{list_names(files)}: a prepared corpus beside other text: name one prepared corpus alone, "
            "joined with elmokit prepare --join"
        )
    (directory,) = directories
    assert directory is not None
    verify_checksums(directory)
    return open_corpus(directory)


def _corpus_name(files: Sequence[TextFile]) -> str:
    states = [{**file.source_state, "path": file.address} for file in files]
    return text_checksum(json.dumps([FORMAT_VERSION, states]))


def _is_directory(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  Path.is_dir raises where even looking is not allowed


def _open_or_prepare(
    directory: Path,
    files: Sequence[TextFile],
    on_bytes: Callable[[int], None] | None,
    num_processes: int,
) -> Corpus:
    content = [file.content_state() for file in files]
    if not _is_usable(directory, content):
        _logger.info("preparing %d files of text in %s", len(files), directory)
        try:
            # The processes of a run start at the same moment, and each may prepare the text.
            with new_directory(directory, first_wins=not _is_directory(directory)) as temporary:
                clear_leftovers(directory.parent)
                write_corpus(temporary, files, content, on_bytes, num_processes)
        except OutputError as error:
            if not _is_usable(directory, content):  # another process may have prepared it in the meantime
                raise OutputError(f"{error}; set ELMOKIT_CACHE to a directory with room for it") from error
    return open_corpus(directory)


def _is_usable(directory: Path, content: Sequence[Mapping[str, Any] | None]) -> bool:
    """Return whether a corpus is there that is undamaged and not outdated."""
    if not _is_directory(directory):
        return False
    try:
        verify_corpus(directory, content)
    except StaleCorpusError:
        return False
    except CorpusError as error:
        warnings.warn(f"{error}; preparing the text again", DamagedCacheWarning, stacklevel=6)
        return False
    return True


class _Progress:
    """Passes on numbers of bytes, and can take them back."""

    def __init__(self, on_bytes: Callable[[int], None] | None) -> None:
        self._on_bytes = on_bytes
        self._num_bytes = 0

    def add(self, num_bytes: int) -> None:
        self._num_bytes += num_bytes
        if self._on_bytes is not None:
            self._on_bytes(num_bytes)

    def reset(self) -> None:
        self.add(-self._num_bytes)
