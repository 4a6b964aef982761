"""elmokit senses train: learn senses from examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from elmokit.console import terminal
from elmokit.console.downstream import embedding_options, given_embeddings, read_table
from elmokit.console.models import device_option
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import verb

if TYPE_CHECKING:
    from elmokit.downstream.words.senses import Method


@verb("train")
@click.argument("file", metavar="TRAIN.tsv")
@takes_output("Directory of the model.")
@embedding_options
@click.option(
    "--method",
    type=click.Choice(["nearest", "logistic"]),
    default="nearest",
    show_default=True,
    help="The nearest average vector of a sense, or a logistic regression for each lemma.",
)
@click.option(
    "--layer",
    type=click.IntRange(min=0),
    help="Layer of a biLM; 0 is context-free.  [default: the average of all]",
)
@click.option(
    "--first-senses",
    metavar="FILE",
    help="Table lemma, sense: the senses of lemmas that TRAIN.tsv does not have, such as WordNet's first.",
)
@json_option
@device_option
@threads_option
def command(
    file: str,
    output: Path,
    embedding: str,
    embedding_text: tuple[str, ...],
    method: Method,
    layer: int | None,
    first_senses: str | None,
    device: str,
    threads: int | None,
) -> None:
    """Learn the senses of words from sentences in which they are known.

    TRAIN.tsv has columns separated by tabs, with their names in the first line: sense, index (position of the
    word, from 0), tokens (a tokenized sentence) and, if you want, lemma.

    \b
    Example:
      elmokit senses train train.tsv --embedding elmo:small -o senses
      elmokit senses train train.tsv --embedding elmo:small --method logistic --layer 1 -o senses
    """
    table = read_table(file)
    from elmokit.downstream.saved import refuse_to_replace
    from elmokit.downstream.words.senses import SenseModel, read_first_senses, read_senses

    refuse_to_replace(output, "senses")
    examples = read_senses(table)
    fallback = None if first_senses is None else read_first_senses(first_senses)
    use_threads(threads)
    model = SenseModel.train(
        examples,
        given_embeddings(embedding, embedding_text, device),
        method=method,
        layer=layer,
        first_senses=fallback,
        progress=terminal.progress_bar,
    )
    model.save(output)
    terminal.report(
        f"{output}: {terminal.counted(len(examples), 'example')}, "
        f"{terminal.counted(len(model.senses), 'lemma')}, {len(model.weights):,} of them with several senses",
        output=str(output),
        num_examples=len(examples),
        num_lemmas=len(model.senses),
        num_ambiguous_lemmas=len(model.weights),
    )
