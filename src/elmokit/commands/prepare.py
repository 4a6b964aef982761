"""elmokit prepare: prepare a text once, in parts if need be, and join prepared parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs, text_inputs
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.verb import verb
from elmokit.console.worker_processes import num_processes_option
from elmokit.data.find import Part
from elmokit.data.read import total_bytes
from elmokit.processes import chosen_number

if TYPE_CHECKING:
    from elmokit.data.corpus import Corpus


@verb("prepare")
@text_inputs
@takes_output("New directory for the prepared corpus.", file_okay=False)
@click.option("--join", is_flag=True, help="TEXT are prepared corpora to join, in this order.")
@click.option(
    "--part",
    type=click.Choice(["train", "heldout"]),
    help="Files to take from a directory of `elmokit shard`.  [default: all]",
)
@num_processes_option("if there is enough text")
@json_option
def command(
    inputs: tuple[str, ...],
    output: Path,
    join: bool,
    part: Part | None,
    num_processes: int | None,
    more_inputs: tuple[str, ...],
) -> None:
    """Prepare text for training: number its words, so that batches are read without parsing.

    `elmokit train` does this by itself, and remembers it. Prepare much text beforehand, in parts on several
    machines, and join the parts. The result is that of preparing all the text at once in this order. A
    prepared corpus can be named wherever a training or heldout text can.

    \b
    Example:
      elmokit prepare 'shards/train-0000*' -o part-0        # on one machine
      elmokit prepare 's3://bucket/train-0001*' -o part-1   # on another one
      elmokit prepare --join part-0 part-1 -o corpus
      elmokit train --train-prefix corpus --vocab-file vocab.txt --save-dir model
    """
    from elmokit.data.corpus import open_corpus
    from elmokit.data.write_corpus import join_corpora, new_corpus

    names = [*inputs, *more_inputs]
    if join:
        with terminal.progress_bar("joining", None, " tokens") as bar:
            join_corpora([Path(name) for name in names], output, bar.update)
    else:
        files = find_inputs(names, part)
        with terminal.progress_bar("preparing", total_bytes(files), "B") as bar:
            new_corpus(output, files, bar.update, chosen_number(num_processes))
    _report(open_corpus(output), output)


def _report(corpus: Corpus, output: Path) -> None:
    num_types = len(corpus.types)
    terminal.report(
        f"{output}: {terminal.counted(corpus.num_tokens, 'token')} in "
        f"{terminal.counted(corpus.num_sentences, 'sentence')}, {num_types:,} distinct words",
        output=output,
        num_tokens=corpus.num_tokens,
        num_sentences=corpus.num_sentences,
        num_blank_lines=corpus.num_blank_lines,
        num_distinct_words=num_types,
        fingerprint=corpus.fingerprint,
    )
