"""The option -o/--output, and the standard output as a file."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from elmokit.console.modes import take_stdout
from elmokit.console.verb import checked, usage
from elmokit.data.text_file import is_url
from elmokit.errors.addresses import without_secrets
from elmokit.files.leftovers import temporary_directory

STDOUT = Path("-")


class OutputPath(click.Path):
    """A path on a local disk; a URL would become a directory of its name.

    Args:
        options: arguments of :class:`click.Path`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """Return the path."""
        if is_url(os.fspath(value)):
            self.fail(
                f"{without_secrets(os.fspath(value))}: a URL, expected a local path: write to a disk and "
                "copy the result",
                param,
                ctx,
            )
        path: Path = super().convert(value, param, ctx)  # type: ignore[assignment]  # click knows no path_type
        return path


def takes_output(
    help_text: str,
    names: tuple[str, ...] = ("-o", "--output"),
    *,
    argument: str | None = None,
    may_be_stdout: bool = False,
    **options: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the required option ``-o/--output``; the command gets a path as ``output``.

    Args:
        help_text: what is written there.
        names: all names of the option; errors use the last one.
        argument: the name of a last argument that means the same, if there is one.
        may_be_stdout: whether the command takes ``-``, the standard output; others would make a file of that
            name.
        options: of :class:`OutputPath`.
    """
    path_type = OutputPath(**options)

    def not_stdout(values: Mapping[str, Any]) -> Iterator[str]:
        if STDOUT in (values.get("output"), values.get("output_argument")):
            yield "the output cannot be -, the standard output: give a path"

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if not may_be_stdout:
            function = checked(not_stdout)(function)
        if argument is None:
            return click.option(*names, "output", type=path_type, required=True, help=help_text)(function)

        @functools.wraps(function)
        def command(output: Path | None, output_argument: Path | None, **arguments: Any) -> Any:
            return function(output=output or output_argument, **arguments)

        def one_output(values: Mapping[str, Any]) -> Iterator[str]:
            if not values.keys() >= {"output", "output_argument"}:
                return
            number = sum(values.get(name) is not None for name in ("output", "output_argument"))
            if number != 1:
                named = f"{argument}, or -o {argument}"
                purpose = help_text.rstrip(".")
                yield (
                    f"Missing argument '{argument}' ({purpose}) of `{usage(click.get_current_context())}`"
                    if number == 0
                    else f"the output is given twice: {named}"
                )

        option = click.option(*names, "output", type=path_type, help=help_text)
        added = click.argument("output_argument", metavar=f"[{argument}]", required=False, type=path_type)(
            option(command)
        )
        return checked(one_output)(added)

    return decorate


@contextmanager
def text_output(output: Path) -> Iterator[Path]:
    """Give a path to write text to: ``output`` itself, or for ``-`` a file that is then printed on stdout."""
    if output != STDOUT:
        yield output
        return
    take_stdout()
    with temporary_directory() as directory:
        path = directory / "stdout"
        yield path
        sys.stdout.flush()
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.flush()
