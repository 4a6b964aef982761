"""The model argument, and options for running a model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from elmokit.console.completion import complete_model
from elmokit.console.threads import use_threads
from elmokit.console.verb import checked, missing, usage
from elmokit.files.home import expanded
from elmokit.kernels.precisions import PRECISIONS
from elmokit.repository.locate import locate_file, locate_model

if TYPE_CHECKING:
    from elmokit.pretrained import PretrainedModel


_TEXTS = (".txt", ".csv", ".tsv", ".jsonl", ".conll", ".conllu")


class ModelName(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """The name of a model: anything but text, which is what stands there when MODEL was left out.

    Args:
        text_option: the option that takes the text, if the command has no argument for it.
    """

    name = "model"

    def __init__(self, text_option: str | None = None) -> None:
        self._text_option = text_option

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        assert ctx is not None
        if _is_text(value):
            place = f", as in `{usage(ctx)}`" if isinstance(param, click.Argument) else ""
            instead = f"; for the text write {self._text_option} {value}" if self._text_option else ""
            self.fail(f"{value!r} is text, expected a model{place}{instead}", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Offer models and files."""
        return complete_model(ctx, param, incomplete)


def _is_text(name: str) -> bool:
    """Return whether a name is that of a text file, the standard input, or a sentence."""
    path = expanded(name)
    if "://" in name or path.is_dir():
        return False
    if name == "-" or any(suffix.lower() in _TEXTS for suffix in path.suffixes):
        return True
    return not path.exists() and len(name.split()) > 1 and "/" not in name


@dataclass(frozen=True)
class GivenModel:
    """A model that the user has named. It is loaded on request: after all that can be checked without it."""

    name: str
    options_file: str | None = None
    vocab_file: str | None = None
    threads: int | None = None
    """Number of CPU threads to compute with; None for PyTorch's choice."""

    def load(self, *, softmax: bool = False, optimizer: bool = False) -> PretrainedModel:
        """Load the model; a published one is downloaded first.

        Args:
            softmax: whether it is needed to predict words.
            optimizer: whether its optimizer's state is needed as well.
        """
        path = locate_model(self.name, softmax=softmax)
        options, vocabulary = locate_file(self.options_file), locate_file(self.vocab_file)
        from elmokit.loading import load

        use_threads(self.threads)
        return load(path, options=options, vocabulary=vocabulary, softmax=softmax, optimizer=optimizer)


_FILES = (
    click.option(
        "--vocab-file", metavar="FILE", help="Vocabulary of MODEL, if it is not next to its weights."
    ),
    click.option(
        "--options-file", metavar="FILE", help="options.json of MODEL, if it is not next to its weights."
    ),
)


def takes_model(
    *, old_option: str | None = None, default: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the argument MODEL and the options that belong to it; the command gets a :class:`GivenModel`.

    Args:
        old_option: an option that names the model as well, as in earlier versions.
        default: the model to use if none is given.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(
            model: str | None,
            options_file: str | None,
            vocab_file: str | None,
            old_model: str | None = None,
            **arguments: Any,
        ) -> Any:
            name = model or old_model or default
            assert name is not None  # checked before
            given = GivenModel(name, options_file, vocab_file, arguments.pop("threads", None))
            return function(model=given, **arguments)

        for add in _FILES:
            command = add(command)
        if old_option is not None:
            old = click.option(
                old_option, "old_model", metavar="MODEL", type=ModelName(), help="The same as MODEL."
            )
            command = checked(_one_model)(old(command))
        return click.argument("model", required=default is None and old_option is None, type=ModelName())(
            command
        )

    return decorate


def _one_model(values: Mapping[str, Any]) -> Iterator[str]:
    number = sum(values.get(name) is not None for name in ("model", "old_model"))
    if number != 1:
        yield missing("model") if number == 0 else "MODEL is given twice"


precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="Of the matrix products; bf16 and int8 are faster where the processor has them, and round.",
)
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
