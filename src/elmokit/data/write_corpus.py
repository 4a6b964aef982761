"""Write prepared corpora: from text, in one or several processes, or from corpora that are joined.

Several processes number the types of parts of the text by themselves, and the parts are joined in the order
of the text. The result is that of one process, byte for byte.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elmokit.arguments import checked
from elmokit.data.corpus import ARRAY_FILES, open_corpus, verify_checksums, write_summary
from elmokit.data.find import prepared_directory
from elmokit.data.numbering import TypeNumbering
from elmokit.data.read import no_token_error, total_bytes
from elmokit.data.text_file import TextFile, list_names
from elmokit.data.text_parts import TextPart, divide, map_parts, read_parts
from elmokit.data.word_types import TypeTable
from elmokit.errors import CorpusError, OutputError
from elmokit.files.atomic import new_directory
from elmokit.files.checksums import file_sha256

_MOST_BYTES_OF_TEXT = 4  # per byte of its prepared form, which has four bytes for each token


def write_corpus(
    directory: Path,
    files: Sequence[TextFile],
    content: Sequence[Mapping[str, Any] | None],
    on_bytes: Callable[[int], object] | None = None,
    num_processes: int = 1,
) -> None:
    """Prepare a text.

    Args:
        directory: An empty directory.
        files: The files of the text.
        content: Their states, see :meth:`~elmokit.data.text_file.TextFile.content_state`.
        on_bytes: Called at intervals with the number of bytes read since the last call.
        num_processes: Number of processes.

    Raises:
        TextError: If a file cannot be read, or there is no token.
        OutputError: If there is too little room.
    """
    _check_room(directory, files)
    first_lines: dict[str, int] = {}
    parts = [] if num_processes == 1 else divide(files)
    with _numbering(directory) as numbering:
        if len(parts) < 2:
            for file in files:
                first_lines[file.path] = numbering.num_lines
                for sentences in read_parts([TextPart(file)], on_bytes):
                    numbering.add_block(sentences)
        else:
            parts_dir = directory / "parts"
            parts_dir.mkdir()
            for part in map_parts(partial(_number, parts_dir), parts, num_processes, on_bytes):
                line = numbering.num_lines
                for path, num_lines in part.lines:
                    first_lines.setdefault(path, line)
                    line += num_lines
                numbering.add_numbered(part.types, part.array("tokens.u32"), part.array("offsets.i64"))
                shutil.rmtree(part.directory)
            parts_dir.rmdir()
        types, fingerprint = numbering.finish()
    if numbering.num_tokens == 0:
        raise no_token_error(files)
    _finish(
        directory,
        numbering,
        types,
        sources=[file.source_state for file in files],
        first_lines=[first_lines[file.path] for file in files],
        fingerprint=fingerprint,
        content=content,
    )


def new_corpus(
    output: Path,
    files: Sequence[TextFile],
    on_bytes: Callable[[int], object] | None = None,
    num_processes: int = 1,
) -> None:
    """Prepare a text in a new directory, which appears once it is complete.

    Raises:
        TextError: If a file cannot be read, or there is no token.
        CorpusError: If a file is a prepared corpus.
        OutputError: If something is there, or it cannot be written.
    """
    for file in files:
        if (directory := prepared_directory(file)) is not None:
            raise CorpusError(f"{directory}: already prepared: join prepared corpora with --join")
    _refuse_content(output)
    with new_directory(output) as temporary:
        content = [file.content_state() for file in files]
        write_corpus(temporary, files, content, on_bytes, num_processes)


def _refuse_content(output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputError(f"{output}: already exists: choose a new directory for the prepared corpus")


@checked
def join_corpora(
    directories: Sequence[Path], output: Path, on_corpus: Callable[[int], object] | None = None
) -> None:
    """Join prepared corpora, for example of parts of a text that were prepared on several machines.

    The result is that of preparing all their texts at once, in this order.

    Args:
        directories: The corpora; their files are compared with their checksums.
        output: The directory to write; it appears once it is complete.
        on_corpus: Called with the number of tokens of each corpus that has been added.

    Raises:
        CorpusError: If a corpus is missing or damaged, or a text is in two of them.
        OutputError: If the output cannot be written.
    """
    sources: list[dict[str, Any]] = []
    first_lines: list[int] = []
    _refuse_content(output)
    with new_directory(output) as temporary:
        with _numbering(temporary) as numbering:
            for directory in directories:
                verify_checksums(directory)
                corpus = open_corpus(directory)
                known = {state["path"] for state in sources}
                if twice := [path for path in corpus.sources if path in known]:
                    raise CorpusError(f"{directory}: {list_names(twice)}: in two of the corpora to be joined")
                sources += corpus.source_states
                first_lines += [numbering.num_lines + line for line in corpus.first_lines]
                numbering.add_numbered(corpus.types, corpus.tokens, corpus.offsets)
                if on_corpus is not None:
                    on_corpus(corpus.num_tokens)
            types, fingerprint = numbering.finish()
        _finish(
            temporary,
            numbering,
            types,
            sources=sources,
            first_lines=first_lines,
            fingerprint=fingerprint,
            content=[None] * len(sources),
        )


def _check_room(directory: Path, files: Sequence[TextFile]) -> None:
    """Refuse a text that cannot fit before hours of reading; a server may announce any size.

    Raises:
        OutputError: when there is too little room.
    """
    num_bytes, free = total_bytes(files), shutil.disk_usage(directory).free
    if num_bytes > _MOST_BYTES_OF_TEXT * free:
        raise OutputError(
            f"{directory.parent}: the text has {num_bytes:,} bytes, but only {free:,} are free for its "
            "prepared form"
        )


class _NumberedPart(NamedTuple):
    """A part of a text that a process has numbered by itself."""

    directory: Path
    lines: list[tuple[str, int]]
    """Path of each file and its number of lines in this part."""

    def array(self, name: str) -> np.ndarray:
        """Read one of the arrays of a corpus."""
        kind = {"u32": np.uint32, "i64": np.int64, "bytes": np.uint8}[name.rpartition(".")[2]]
        return np.fromfile(self.directory / name, kind)

    @property
    def types(self) -> TypeTable:
        """The types of the part, in order of first occurrence."""
        return TypeTable(
            self.array("spellings.bytes"), self.array("spelling_offsets.i64"), self.array("counts.i64")
        )


def _number(parts_dir: Path, pieces: list[TextPart]) -> _NumberedPart:
    directory = Path(tempfile.mkdtemp(dir=parts_dir))
    lines = []
    with _numbering(directory) as numbering:
        for piece in pieces:
            before = numbering.num_lines
            for sentences in read_parts([piece]):
                numbering.add_block(sentences)
            lines.append((str(piece.path), numbering.num_lines - before))
        types, _ = numbering.finish()
    types.save(directory)
    return _NumberedPart(directory, lines)


@contextmanager
def _numbering(directory: Path) -> Iterator[TypeNumbering]:
    with (
        (directory / "tokens.u32").open("wb") as tokens_file,
        (directory / "offsets.i64").open("wb") as offsets_file,
    ):
        yield TypeNumbering(tokens_file, offsets_file)


def _finish(
    directory: Path,
    numbering: TypeNumbering,
    types: TypeTable,
    *,
    sources: Sequence[Mapping[str, Any]],
    first_lines: Sequence[int],
    fingerprint: str,
    content: Sequence[Mapping[str, Any] | None],
) -> None:
    types.save(directory)
    write_summary(
        directory,
        sources=sources,
        first_lines=first_lines,
        num_tokens=numbering.num_tokens,
        num_lines=numbering.num_lines,
        num_blank_lines=numbering.num_blank_lines,
        num_types=len(types),
        fingerprint=fingerprint,
        content=content,
        checksums={name: file_sha256(directory / name) for name in ARRAY_FILES},
    )
