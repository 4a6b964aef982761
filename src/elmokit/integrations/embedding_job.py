"""Embedding a large text in parts that are done by many workers, each exactly once in the result.

A job is a directory or an fsspec URL, which any number of workers can write to::

    _job.json                  what is embedded, how, and in which parts
    part-00000-000.parquet     the vectors of a part, in one or more files
    _parts/00000.json          written last for a part: it is done
    _manifest.json             written at the end, as in :mod:`elmokit.formats.parquet_vectors`

A part is done again only as long as its file in ``_parts`` is missing, and doing it again gives the same
bytes under the same names. So a worker may be lost at any moment, and a job that was stopped goes on where it
was.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elmokit.arguments import checked
from elmokit.data.find import Patterns, find_texts, prepared_directory
from elmokit.data.read import Span, no_token_error, read_sentence_blocks
from elmokit.data.text_file import file_system, is_url
from elmokit.data.text_parts import TextPart, pieces
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, OutputError, TextError
from elmokit.files.leftovers import temporary_directory
from elmokit.formats.parquet_part import Row, VectorLayout
from elmokit.formats.parquet_vectors import MANIFEST, manifest_of, write_parquet_vectors
from elmokit.formats.vector_choices import DEFAULT_FILE_BYTES
from elmokit.formats.vector_types import Deviation

DEFAULT_PART_BYTES = 1 << 20
_JOB = "_job.json"
_DONE = "_parts"


@dataclass(frozen=True)
class JobPart:
    """A part of the text."""

    number: int
    path: str
    span: tuple[int, int] | None
    first_id: int
    """Number of its first line in the whole text."""
    num_lines: int


@dataclass(frozen=True)
class EmbeddingJob:
    """What all workers know."""

    output: str
    layout: VectorLayout
    parts: tuple[JobPart, ...]
    batch_size: int
    file_bytes: int


@checked
def plan_job(
    text: Patterns,
    output: str | Path,
    layout: VectorLayout,
    *,
    batch_size: int = 64,
    part_bytes: int = DEFAULT_PART_BYTES,
    file_bytes: int = DEFAULT_FILE_BYTES,
    count: Callable[[Sequence[TextPart]], Iterable[int]] = lambda parts: map(count_lines, parts),
) -> EmbeddingJob:
    """Plan a job, or find the plan of one that was begun earlier.

    Args:
        text: Paths or fsspec URLs, see :func:`~elmokit.data.find.find_texts`.
        output: A directory or an fsspec URL.
        layout: What the vectors are.
        batch_size: Number of sentences to run together.
        part_bytes: Size of the parts of files that are not compressed; a compressed file is one part.
        file_bytes: Approximate size of the largest Parquet file.
        count: Returns the number of lines of each part.

    Raises:
        TextError: If nothing matches, or a file cannot be read.
        OutputError: If something else is in the output, or another job.
    """
    if part_bytes < 1:
        raise ConfigError(f"part_bytes: expected at least 1, got {part_bytes}")
    files = find_texts(text)
    if any(map(prepared_directory, files)):
        raise TextError(f"{files[0]}: a prepared corpus, expected text")
    wanted = {
        "layout": asdict(layout),
        "text": [file.source_state for file in files],
        "part_bytes": part_bytes,
        "file_bytes": file_bytes,
    }
    store = _Store(str(output))
    found = store.read(_JOB)
    if found is None:
        store.refuse_content()
        divided = [piece for file in files for piece in pieces(file, part_bytes)]
        found = {**wanted, "num_lines": list(count(divided))}
        if not any(found["num_lines"]):
            raise no_token_error(files)
        store.write(_JOB, found)
    elif different := [key for key, value in wanted.items() if found.get(key) != value]:
        raise OutputError(
            f"{output}: another job was begun there (other {' and '.join(different)}): choose another "
            "output, or delete it"
        )
    else:
        divided = [piece for file in files for piece in pieces(file, part_bytes)]
    first_ids = [0, *itertools.accumulate(found["num_lines"])]
    parts = tuple(
        JobPart(
            number,
            os.fspath(piece.path),
            None if piece.span is None else (piece.span.start, piece.span.end),
            first_ids[number],
            num_lines,
        )
        for number, (piece, num_lines) in enumerate(zip(divided, found["num_lines"], strict=True))
    )
    return EmbeddingJob(str(output), layout, parts, batch_size, file_bytes)


def count_lines(part: TextPart) -> int:
    """Return the number of lines of a part."""
    return sum(map(len, read_sentence_blocks(part.path, span=part.span)))


def unfinished_parts(job: EmbeddingJob) -> list[JobPart]:
    """Return the parts that are not done yet; none once the job is finished."""
    store = _Store(job.output)
    if store.read(MANIFEST) is not None:
        return []
    done = store.names(_DONE)
    return [part for part in job.parts if _done_name(part) not in done]


def do_part(embedder: ElmoEmbedder, job: EmbeddingJob, part: JobPart) -> None:
    """Embed a part and write it, unless that has been done.

    Raises:
        ConfigError: If the embedder has another model than the job.
        TextError: If the text cannot be read, or has changed since the job was planned.
        OutputError: If the vectors cannot be written.
    """
    store = _Store(job.output)
    if store.read(f"{_DONE}/{_done_name(part)}") is not None:
        return
    if embedder.fingerprint != job.layout.model:
        raise ConfigError(f"{embedder.pretrained.source}: not the model of the job {job.output}")
    deviation = Deviation()
    with temporary_directory() as scratch:
        directory = scratch / "vectors"
        manifest = write_parquet_vectors(
            directory, _rows(embedder, job, part), job.layout, file_bytes=job.file_bytes, deviation=deviation
        )
        if manifest["num_rows"] != part.num_lines:
            raise TextError(
                f"{part.path}: has {manifest['num_rows']:,} lines where it had {part.num_lines:,} when the "
                "job was planned: restore the text, or begin again in another output"
            )
        for number, file in enumerate(manifest["files"]):
            written = directory / file["name"]
            file["name"] = f"part-{part.number:05d}-{number:03d}.parquet"
            store.put(written, file["name"])
    store.write(
        f"{_DONE}/{_done_name(part)}",
        {
            "files": manifest["files"],
            "deviation": [deviation.largest, deviation.squared_error, deviation.squared_norm],
        },
    )


def finish_job(job: EmbeddingJob) -> dict[str, Any]:
    """Write the manifest, after all parts are done, and return it; the same if it was written before."""
    store = _Store(job.output)
    manifest = store.read(MANIFEST)
    if manifest is None:
        deviation = Deviation()
        files: list[dict[str, Any]] = []
        for part in job.parts:
            done = store.read(f"{_DONE}/{_done_name(part)}")
            if done is None:
                raise OutputError(f"{job.output}: part {part.number} is not done: start the job again")
            files += done["files"]
            deviation.add_figures(*done["deviation"])
        manifest = manifest_of(job.layout, files, deviation)
        store.write(MANIFEST, manifest)
    store.remove(_DONE)
    return manifest


def _rows(embedder: ElmoEmbedder, job: EmbeddingJob, part: JobPart) -> Iterator[Row]:
    span = None if part.span is None else Span(*part.span)
    blocks = read_sentence_blocks(part.path, span=span)
    for_rows, for_vectors = itertools.tee(sentence for block in blocks for sentence in block)
    vectors = embedder.iter_embed(for_vectors, job.layout.layers, batch_size=job.batch_size)
    return zip(itertools.count(part.first_id), for_rows, vectors, strict=False)


def _done_name(part: JobPart) -> str:
    return f"{part.number:05d}.json"


class _Store:
    """A directory on a disk or behind a URL, in which a file appears once it is complete."""

    def __init__(self, output: str) -> None:
        self._name = output
        self._is_local = not is_url(output)
        self._files, self._root = file_system(str(Path(output).absolute()) if self._is_local else output)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def read(self, name: str) -> dict[str, Any] | None:
        """Return the values of a JSON file; None if there is none."""
        try:
            content = self._files.cat_file(self._path(name))
        except FileNotFoundError:
            return None
        except Exception as error:  # each file system has exceptions of its own
            raise OutputError(f"{self._name}/{name}: cannot read: {error}") from error
        values: dict[str, Any] = json.loads(content)
        return values

    def names(self, directory: str) -> set[str]:
        """Return the names of the files in a directory, which need not exist."""
        self._files.invalidate_cache()
        try:
            return {path.rpartition("/")[2] for path in self._files.ls(self._path(directory), detail=False)}
        except FileNotFoundError:
            return set()

    def refuse_content(self) -> None:
        """Refuse an output in which something is."""
        if names := self.names("") - {""}:
            raise OutputError(
                f"{self._name}: not empty (contains {min(names)}), expected a new or empty directory"
            )

    def write(self, name: str, values: dict[str, Any]) -> None:
        """Write a JSON file."""
        with temporary_directory() as scratch:
            path = scratch / "values.json"
            path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
            self.put(path, name)

    def put(self, path: Path, name: str) -> None:
        """Copy a file there. On a disk it is renamed at the end; object stores show whole files only."""
        target = self._path(name)
        try:
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
            if self._is_local:
                temporary = f"{target.rpartition('/')[0]}/.{os.getpid()}-{target.rpartition('/')[2]}.partial"
                self._files.put_file(str(path), temporary)
                Path(temporary).replace(target)
            else:
                self._files.put_file(str(path), target)
        except Exception as error:
            raise OutputError(f"{self._name}/{name}: cannot write: {error}") from error

    def remove(self, directory: str) -> None:
        """Remove a directory, if there is one."""
        if self.names(directory):
            self._files.rm(self._path(directory), recursive=True)
