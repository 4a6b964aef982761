"""Texts given on the command line, including globs expanded by the shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from elmokit.data.find import find_texts
from elmokit.data.text_file import TextFile


def text_inputs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--input``, which may be repeated.

    Further arguments are inputs, too: the shell turns ``--input *.txt`` into an option and arguments.
    """
    function = click.argument("more_inputs", metavar="[TEXT]...", nargs=-1)(function)
    return click.option(
        "--input",
        "inputs",
        metavar="TEXT",
        multiple=True,
        help="Text: file, quoted glob, directory or URL; one sentence per line. May be repeated.",
    )(function)


def find_inputs(inputs: tuple[str, ...], more_inputs: tuple[str, ...]) -> list[TextFile]:
    """Return the files of all inputs.

    Raises:
        UsageError: If no input is given.
        TextError: If an input matches no file.
    """
    if not (inputs or more_inputs):
        raise click.UsageError("no text given: expected TEXT or --input TEXT", click.get_current_context())
    return find_texts([*inputs, *more_inputs])
