"""Texts given on the command line, also by a glob that the shell has expanded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from elmokit.data.find import find_texts


def text_inputs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--input``, which may be repeated; further arguments are inputs too, as of ``--input *.txt``."""
    function = click.argument("more_inputs", metavar="[TEXT]...", nargs=-1)(function)
    return click.option(
        "--input",
        "inputs",
        metavar="TEXT",
        multiple=True,
        help="Text: file, glob in quotes, directory or URL; one sentence a line. May be repeated.",
    )(function)


def find_inputs(inputs: tuple[str, ...], more_inputs: tuple[str, ...]) -> list[str]:
    """The files of all inputs.

    Raises:
        UsageError: when no input was given.
        TextError: when one matches no file.
    """
    if not (inputs or more_inputs):
        raise click.UsageError("no text given: expected TEXT or --input TEXT", click.get_current_context())
    return find_texts([*inputs, *more_inputs])
