"""elmokit pairs train: learn to judge pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.downstream import (
    embedding_options,
    given_embeddings,
    read_table,
    setting_rows,
    stray_arguments,
    vector_settings,
)
from elmokit.console.models import device_option
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import checked, verb

if TYPE_CHECKING:
    from elmokit.downstream.words.pairs import Method


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    yield from stray_arguments(values, ("train", "dev"))


def _setting_sections() -> list[tuple[str, list[tuple[str, str]]]]:
    from elmokit.downstream.embeddings.vector_settings import VectorSettings
    from elmokit.downstream.words.pair_settings import PairSettings

    return [
        ("Settings of --method classifier", setting_rows(PairSettings)),
        ("Settings of word2vec and fastText", setting_rows(VectorSettings, "vectors.")),
    ]


@verb("train", describe_more=_setting_sections)
@checked(_check)
@click.option("--train", "train", metavar="FILE", required=True, help="Pairs to train on.")
@click.option("--dev", "dev", metavar="FILE", required=True, help="Pairs that decide when training stops.")
@takes_output("Directory of the model.")
@embedding_options
@click.option(
    "--method",
    type=click.Choice(["classifier", "cosine"]),
    default="classifier",
    show_default=True,
    help="A network on the vectors of all layers, or the cosine of one layer with a threshold, both chosen "
    "on the training data.",
)
@click.option("--seed", type=click.IntRange(min=0), help="The same as seed=N.")
@json_option
@device_option
@threads_option
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
def command(
    train: str,
    dev: str,
    output: Path,
    embedding: str,
    embedding_text: tuple[str, ...],
    method: Method,
    seed: int | None,
    device: str,
    threads: int | None,
    overrides: tuple[str, ...],
) -> None:
    """Learn to judge pairs of words in context, or of sentences.

    The files have columns separated by tabs, with their names in the first line: tokens1 and tokens2, for
    words also index1 and index2 (positions from 0), and same_sense or label (1/0, T/F), or score (a number).
    Sentences are compared by the mean of their words' vectors.

    \b
    Example:
      elmokit pairs train --train train.tsv --dev dev.tsv --embedding elmo:small -o pairs
    """
    tables = read_table(train), read_table(dev)
    from elmokit.config.overrides import section_with
    from elmokit.downstream.saved import refuse_to_replace
    from elmokit.downstream.words.pair_data import read_pairs
    from elmokit.downstream.words.pair_settings import PairSettings
    from elmokit.downstream.words.pairs import PairModel

    refuse_to_replace(output, "pairs")
    train_pairs, dev_pairs = (read_pairs(table) for table in tables)
    more = [] if seed is None else [f"seed={seed}"]
    of_model, of_vectors = vector_settings(overrides)
    settings = section_with(PairSettings, [*of_model, *more])
    use_threads(threads)
    model = PairModel.train(
        train_pairs,
        dev_pairs,
        given_embeddings(embedding, embedding_text, device, of_vectors),
        method=method,
        settings=settings,
        progress=terminal.progress_bar,
    )
    model.save(output)
    shown = ", ".join(f"{name} {value:.4f}" for name, value in list(model.dev_scores.items())[:1])
    terminal.report(f"{output}: {shown} on dev", output=str(output), dev_scores=model.dev_scores)
