"""elmokit senses evaluate: compare chosen senses with known ones."""

from __future__ import annotations

import dataclasses
import json

import click

from elmokit.console import terminal
from elmokit.console.downstream import read_table, relocated_option
from elmokit.console.models import device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import verb


@verb("evaluate")
@click.argument("model_directory", metavar="SENSES")
@click.argument("file", metavar="TEST.tsv")
@relocated_option
@json_option
@device_option
@threads_option
def command(model_directory: str, file: str, embedding: str | None, device: str, threads: int | None) -> None:
    """Compare chosen senses with known ones, and with the most frequent sense of each lemma.

    Every example counts: one without an answer is wrong, so that accuracy is F1 as well. TEST.tsv has the
    columns of `elmokit senses train`.

    \b
    Example:
      elmokit senses evaluate senses test.tsv
    """
    table = read_table(file)
    from elmokit.downstream.words.senses import SenseModel, read_senses

    examples = read_senses(table)
    use_threads(threads)
    model = SenseModel.load(
        model_directory, embedding=embedding, device=device, progress=terminal.progress_bar
    )
    scores = model.evaluate(examples, progress=terminal.progress_bar)
    if wants_json():
        terminal.say(json.dumps(dataclasses.asdict(scores)))
        return
    terminal.say(
        f"{terminal.counted(scores.num_examples, 'example')}, {scores.num_unknown:,} of lemmas that the "
        "training data does not have"
    )
    terminal.say("                        accuracy  most frequent sense")
    terminal.say(f"all                     {scores.accuracy:8.4f} {scores.most_frequent_sense:20.4f}")
    terminal.say(
        f"several senses ({scores.num_ambiguous:,})".ljust(24)
        + f"{scores.ambiguous_accuracy:8.4f} {scores.ambiguous_most_frequent_sense:20.4f}"
    )
