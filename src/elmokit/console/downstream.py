"""Options that the commands of downstream models share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_input, find_inputs, stdin_lines
from elmokit.console.outputs import STDOUT, OutputPath
from elmokit.files.atomic import new_file, refuse_inputs

if TYPE_CHECKING:
    from pydantic import BaseModel

    from elmokit.downstream.embeddings.protocol import TokenEmbedding
    from elmokit.downstream.words.tables import Table

_VECTORS = "vectors."

relocated_option = click.option(
    "--embedding",
    "embedding",
    metavar="EMBEDDING",
    help="Where the embedding of the model is now, if it has moved.",
)


def embedding_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``--embedding`` and ``--embedding-text``; see :func:`given_embeddings`."""
    function = click.option(
        "--embedding-text",
        metavar="TEXT",
        multiple=True,
        help="Tokenized text to train word2vec or fastText on, without a file. May be repeated.",
    )(function)
    return click.option(
        "--embedding",
        metavar="EMBEDDING",
        default="elmo:small",
        show_default=True,
        help="elmo:MODEL, word2vec[:FILE], fasttext[:FILE], fasttext-official[:FILE] or random; several "
        "joined with +.",
    )(function)


def given_embeddings(
    embedding: str, embedding_text: Sequence[str], device: str, vectors: Iterable[str] = ()
) -> tuple[TokenEmbedding, ...]:
    """Load or train the embeddings that the options name.

    Args:
        embedding: the choice.
        embedding_text: texts to train word vectors on.
        device: where biLMs run.
        vectors: ``key=value``: how word vectors are trained.
    """
    from elmokit.config.overrides import section_with
    from elmokit.downstream.embeddings.choice import embeddings_of
    from elmokit.downstream.embeddings.vector_settings import VectorSettings

    settings = section_with(VectorSettings, vectors)
    text = [str(file) for file in find_inputs(embedding_text)] if embedding_text else []
    return embeddings_of(
        embedding, device=device, text=text, vectors=settings, progress=terminal.progress_bar
    )


def setting_rows(section: type[BaseModel], prefix: str = "") -> list[tuple[str, str]]:
    """Return the settings of a section with their defaults and meanings, for a help text."""
    return [
        (f"{prefix}{name}={json.dumps(field.default)}", field.description or "")
        for name, field in section.model_fields.items()
    ]


def vector_settings(overrides: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the ``key=value`` of the model, and those of word vectors, without their ``vectors.``."""
    own, vectors = [], []
    for override in overrides:
        if override.startswith(_VECTORS):
            vectors.append(override.removeprefix(_VECTORS))
        else:
            own.append(override)
    return own, vectors


def stray_arguments(values: Mapping[str, Any], options: Iterable[str]) -> Iterator[str]:
    """Yield what to do about arguments that are no ``key=value``: mostly files without their options.

    Args:
        values: of the parameters of a command, by their names.
        options: the parameters that are files, the first one first.
    """
    missing = (name for name in options if values.get(name) is None)
    for argument in values.get("overrides") or ():
        if "=" not in argument:
            name = next(missing, None)
            place = "" if name is None else f", or write --{name} {argument}"
            yield f"Got unexpected argument {argument!r}: expected key=value{place}"


def read_table(name: str) -> Table:
    """Read a table of examples; ``-`` is the standard input."""
    from elmokit.downstream.words.tables import Table

    return Table("standard input", stdin_lines()) if name == "-" else Table(find_input(name))


def write_lines(output: Path, inputs: Sequence[str], lines: Iterator[str]) -> None:
    """Write lines to a file, which appears once it is complete, or print them as they come.

    Raises:
        OutputError: if the file cannot be written or is one of the inputs.
    """
    if output == STDOUT:
        for line in lines:
            click.echo(line)
        return
    refuse_inputs(output, [find_input(name) for name in inputs if name != "-"])
    with new_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in lines)
    terminal.report(f"{output}: written", output=str(output))


output_option = click.option(
    "-o",
    "--output",
    type=OutputPath(),
    default=STDOUT,
    help="File to write.  [default: the standard output]",
)
