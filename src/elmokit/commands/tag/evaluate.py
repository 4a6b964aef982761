"""elmokit tag evaluate: compare a tagger's predictions with tagged text."""

from __future__ import annotations

import json

import click

from elmokit.console import terminal
from elmokit.console.downstream import relocated_option
from elmokit.console.models import batch_size_option, device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.tagging import (
    column_option,
    format_option,
    read_data,
    report_lines,
    tagger_argument,
    tokens_and_tags,
    warn_of_faults,
)
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import verb


@verb("evaluate")
@tagger_argument
@click.argument("file", metavar="FILE")
@format_option(plain=False)
@column_option
@relocated_option
@json_option
@batch_size_option
@device_option
@threads_option
def command(
    tagger_directory: str,
    file: str,
    layout: str | None,
    column: str | None,
    embedding: str | None,
    batch_size: int,
    device: str,
    threads: int | None,
) -> None:
    """Compare a tagger's predictions with tagged text.

    Prints accuracy, the F1 of spans as conlleval computes it, a row for each tag or type of span, and the
    most frequent confusions. TAGGER is a directory that `elmokit tag train` has written.

    \b
    Example:
      elmokit tag evaluate tagger test.conllu
    """
    data = read_data(file, layout, column)
    warn_of_faults(data)
    from elmokit.downstream.tagging.tagger import SequenceTagger

    use_threads(threads)
    tagger = SequenceTagger.load(
        tagger_directory, embedding=embedding, device=device, progress=terminal.progress_bar
    )
    scores = tagger.evaluate(*tokens_and_tags(data), batch_size=batch_size)
    if wants_json():
        terminal.say(json.dumps(scores.as_dict(), ensure_ascii=False))
        return
    for line in report_lines(scores):
        terminal.say(line)
