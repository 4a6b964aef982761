"""The model argument, and options for running a model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from elmokit.loading import load


def takes_model(
    *, option: str | None = None, softmax: bool = False, default: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a model to a command, which gets it loaded as ``pretrained``.

    Adds the argument MODEL, or ``option``, and options for files that are not next to the weights.

    Args:
        option: name of an option to use instead of the argument.
        softmax: whether the command predicts words.
        default: the model to use if none is given.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(model: str, options_file: str | None, vocab_file: str | None, **arguments: Any) -> Any:
            pretrained = load(model, options=options_file, vocabulary=vocab_file, softmax=softmax)
            return function(pretrained=pretrained, **arguments)

        for add in (
            click.option(
                "--vocab-file", metavar="FILE", help="Vocabulary of MODEL, if it is not next to its weights."
            ),
            click.option(
                "--options-file",
                metavar="FILE",
                help="options.json of MODEL, if it is not next to its weights.",
            ),
            click.argument("model", default=default, required=default is None)
            if option is None
            else click.option(
                option,
                "model",
                metavar="MODEL",
                required=True,
                help="Save directory of a training run, or any other model.",
            ),
        ):
            command = add(command)
        return command

    return decorate


device_option = click.option(
    "--device", default="auto", show_default=True, help="Device to run on: auto, cpu, cuda or cuda:N."
)
batch_size_option = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Number of sentences per batch.",
)
