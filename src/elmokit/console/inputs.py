"""Texts given on the command line, including globs expanded by the shell; ``-`` is the standard input."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import click

from elmokit.console.verb import checked, usage
from elmokit.data.find import Part, find_texts
from elmokit.data.text_file import TextFile
from elmokit.errors import MissingTextError, TextError
from elmokit.files.leftovers import temporary_directory
from elmokit.repository.locate import model_names

_STDIN = "elmokit.stdin"
_BLOCK_BYTES = 1 << 16


def text_inputs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--input``, which may be repeated.

    Further arguments are inputs, too: the shell turns ``--input *.txt`` into an option and arguments.
    """
    function = click.argument("more_inputs", metavar="[TEXT]...", nargs=-1)(checked(_any_text)(function))
    return click.option(
        "--input",
        "inputs",
        metavar="TEXT",
        multiple=True,
        help="Text: file, quoted glob, directory, URL, or - for the standard input; one sentence per line. "
        "May be repeated.",
    )(function)


def _any_text(values: Mapping[str, Any]) -> Iterator[str]:
    if not (values.get("inputs") or values.get("more_inputs")):
        yield "no text given: expected TEXT, --input TEXT, or - for the standard input"


def find_inputs(patterns: Iterable[str], part: Part | None = None) -> list[TextFile]:
    """Return the files that paths, globs, directories and URLs refer to; ``-`` is the standard input.

    Args:
        patterns: as the user has typed them.
        part: of a directory with shards, the part to read.

    Raises:
        TextError: If a pattern matches no file.
    """
    given = list(patterns)
    try:
        return find_texts([_stdin_file() if pattern == "-" else pattern for pattern in given], part)
    except MissingTextError as error:
        pattern = next((each for each in given if str(error).startswith(each)), "")
        raise MissingTextError(f"{error}{_hint(pattern)}") from None


def _hint(pattern: str) -> str:
    """Return what a name that is not one of a text may be, and how that is given."""
    if pattern in model_names():
        return f"; it is the name of a model, as MODEL in `{usage(click.get_current_context())}`"
    if len(pattern.split()) > 1 and "/" not in pattern:
        command = click.get_current_context().command_path
        return f'; a sentence is piped in, with - for the file: echo "{pattern}" | {command} ...'
    return ""


def find_input(pattern: str) -> TextFile:
    """Return the one file that a path, glob or URL refers to.

    Raises:
        TextError: If it is none or several.
    """
    files = find_inputs([pattern])
    if len(files) > 1:
        raise TextError(f"{pattern}: matches {len(files)} files, expected one")
    return files[0]


def stdin_lines() -> Iterator[str]:
    """Yield the lines of the standard input as they come, without their line ends.

    Raises:
        TextError: with the line, if it is not UTF-8.
    """
    for number, line in enumerate(sys.stdin.buffer, start=1):
        yield _decoded(line, number)


def stdin_chunks(max_lines: int) -> Iterator[list[str]]:
    """Yield the lines of the standard input that are there, without waiting for more.

    Args:
        max_lines: largest number of lines to yield together.

    Raises:
        TextError: with the line, if it is not UTF-8.
    """
    pending, number = b"", 1
    stream = cast(io.BufferedReader, sys.stdin.buffer)
    while block := stream.read1(_BLOCK_BYTES):
        *lines, pending = (pending + block).split(b"\n")
        for start in range(0, len(lines), max_lines):
            some = lines[start : start + max_lines]
            yield [_decoded(line, number + k) for k, line in enumerate(some)]
            number += len(some)
    if pending:
        yield [_decoded(pending, number)]


def _decoded(line: bytes, number: int) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise TextError(
            f"standard input:{number}: not valid UTF-8 (byte 0x{line[error.start]:02x}): convert with "
            "iconv, for instance iconv -f LATIN1 -t UTF-8"
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


def _stdin_file() -> Path:
    """Return a file with the standard input, which is deleted when the command ends.

    Text is read more than once, and corpora are prepared from files.
    """
    context = click.get_current_context()
    if _STDIN not in context.meta:
        directory = context.find_root().with_resource(temporary_directory())
        context.meta[_STDIN] = directory / "stdin"
        with context.meta[_STDIN].open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    path: Path = context.meta[_STDIN]
    return path
