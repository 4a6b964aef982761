"""How every command takes a model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from elmokit.loading import load


def takes_model(
    *, option: str | None = None, softmax: bool = False, default: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command its model, loaded, as ``pretrained``.

    Adds the argument MODEL, or ``option``, and where the files may lie that belong to weights.

    Args:
        option: the option that names the model, instead of an argument.
        softmax: whether the command predicts words.
        default: the model where none is named.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(model: str, options_file: str | None, vocab_file: str | None, **arguments: Any) -> Any:
            pretrained = load(model, options=options_file, vocabulary=vocab_file, softmax=softmax)
            return function(pretrained=pretrained, **arguments)

        for add in (
            click.option("--vocab-file", metavar="FILE", help="Vocabulary of foreign weights, if elsewhere."),
            click.option(
                "--options-file", metavar="FILE", help="options.json of foreign weights, if elsewhere."
            ),
            click.argument("model", default=default, required=default is None)
            if option is None
            else click.option(
                option, "model", metavar="MODEL", required=True, help="A training run, or any other model."
            ),
        ):
            command = add(command)
        return command

    return decorate


device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
batch_size_option = click.option(
    "--batch-size", type=click.IntRange(min=1), default=64, show_default=True, help="Sentences at a time."
)
