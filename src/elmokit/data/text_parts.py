"""Texts in parts of bounded size, for several processes to work on.

A part is one or more small files, or a span of a large file that is not compressed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from elmokit.data.compression import COMPRESSED_SUFFIXES
from elmokit.data.read import Span, open_text, read_sentence_blocks
from elmokit.data.text_file import TextFile, as_text_error, is_http, is_url, look_up
from elmokit.errors import TextError
from elmokit.processes import ordered_map

Result = TypeVar("Result")

PART_BYTES = 1 << 25
"""Approximate size of a part."""

_LINE_BYTES = 1 << 14  # read at a time to find the end of a line


@dataclass(frozen=True)
class TextPart:
    """A file, or a span of one."""

    path: str | os.PathLike[str]
    span: Span | None = None
    size: int = 0
    """Its size in bytes, as stored."""


def divide(paths: Sequence[str | os.PathLike[str]]) -> list[list[TextPart]]:
    """Divide texts into parts of about :data:`PART_BYTES`.

    Returns:
        For each part, what to read, in the order of the text. A file is never found in a part of its own
        only because it is small.

    Raises:
        TextError: If a file is missing or cannot be accessed.
    """
    parts: list[list[TextPart]] = []
    room = 0
    for piece in (piece for path in paths for piece in pieces(look_up(path), PART_BYTES)):
        if piece.size > room or not parts:
            parts.append([])
            room = PART_BYTES
        parts[-1].append(piece)
        room -= piece.size
    return parts


def read_parts(
    parts: Iterable[TextPart], on_bytes: Callable[[int], object] | None = None
) -> Iterator[list[list[str]]]:
    """Yield the sentences of parts, many at a time; see
    :func:`~elmokit.data.read.read_sentence_blocks`."""
    for part in parts:
        yield from read_sentence_blocks(part.path, on_bytes, part.span)


def map_parts(
    function: Callable[[list[TextPart]], Result],
    parts: Sequence[list[TextPart]],
    num_processes: int,
    on_bytes: Callable[[int], object] | None = None,
) -> Iterator[Result]:
    """Apply a function to each part in several processes and yield the results in the order of the text.

    Args:
        function: Picklable.
        parts: From :func:`divide`.
        num_processes: Number of processes; no more than there are parts are started.
        on_bytes: Called with the size of each part that is done.

    Raises:
        TextError: If a text cannot be read; the message has the line of the whole file.
    """
    results = ordered_map(partial(_with_whole_lines, function), parts, max(1, min(num_processes, len(parts))))
    for part, result in zip(parts, results, strict=True):
        if on_bytes is not None:
            on_bytes(sum(piece.size for piece in part))
        yield result


def _with_whole_lines(function: Callable[[list[TextPart]], Result], parts: list[TextPart]) -> Result:
    try:
        return function(parts)
    except TextError:
        for part in parts:  # its lines were counted from the beginning of the span
            if part.span is not None:
                for _ in read_sentence_blocks(part.path):
                    pass
        raise


def pieces(file: TextFile, part_bytes: int) -> Iterator[TextPart]:
    """Yield the parts of a file, each of about ``part_bytes``; a file that cannot be cut is one part."""
    size = file.size or 0
    # Not a pipe, for example. A server of HTTP need not have the middle of a file.
    can_be_cut = not is_http(file.path) if is_url(file.path) else file.status is not None
    if not can_be_cut or file.path.lower().endswith(COMPRESSED_SUFFIXES) or size <= part_bytes:
        yield TextPart(file, size=size)
        return
    with as_text_error(f"{file}: cannot read"), open_text(file.path) as stream:
        if not stream.seekable():
            yield TextPart(file, size=size)
            return
        start = 0
        while start < size:
            end = min(start + part_bytes, size)
            stream.seek(end)
            while chunk := stream.read(_LINE_BYTES):
                line_end = chunk.find(b"\n") + 1
                end += line_end or len(chunk)
                if line_end:
                    break
            yield TextPart(file, Span(start, end), end - start)
            start = end
