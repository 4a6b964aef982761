"""elmokit senses predict: choose the sense of words in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from elmokit.console import terminal
from elmokit.console.downstream import output_option, read_table, relocated_option, write_lines
from elmokit.console.models import device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import verb

if TYPE_CHECKING:
    from elmokit.downstream.words.senses import Answer, SenseExample


@verb("predict")
@click.argument("model_directory", metavar="SENSES")
@click.argument("file", metavar="[FILE.tsv]", default="-")
@output_option
@relocated_option
@json_option
@device_option
@threads_option
def command(
    model_directory: str,
    file: str,
    output: Path,
    embedding: str | None,
    device: str,
    threads: int | None,
) -> None:
    """Choose the sense of each word of a table with the columns index, tokens and, if you want, lemma.

    Prints a line per example: lemma, sense, what it was chosen by, and the sentence. With --json, also the
    score of each sense. SENSES is a directory that `elmokit senses train` has written.

    \b
    Example:
      elmokit senses predict senses words.tsv
    """
    table = read_table(file)
    from elmokit.downstream.words.senses import SenseModel, read_senses

    examples = read_senses(table, tagged=False)
    use_threads(threads)
    model = SenseModel.load(
        model_directory, embedding=embedding, device=device, progress=terminal.progress_bar
    )
    answers = model.predict(examples, progress=terminal.progress_bar)
    write_lines(output, [file], _lines(examples, answers))


def _lines(examples: Sequence[SenseExample], answers: Sequence[Answer]) -> Iterator[str]:
    if not wants_json():
        yield "lemma\tsense\tchosen_by\tindex\ttokens"
    for example, answer in zip(examples, answers, strict=True):
        tokens, position = example.occurrence.tokens, example.occurrence.position
        if wants_json():
            values = {"lemma": example.lemma, **answer._asdict(), "index": position, "tokens": tokens}
            yield json.dumps(values, ensure_ascii=False)
        else:
            yield f"{example.lemma}\t{answer.sense or ''}\t{answer.source}\t{position}\t{' '.join(tokens)}"
