"""elmokit shard: shuffle text into training shards and heldout text."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs, text_inputs
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.text_form import warn_of_form
from elmokit.console.verb import verb
from elmokit.console.worker_processes import num_processes_option
from elmokit.data.compression import Compression
from elmokit.data.read import total_bytes
from elmokit.data.sharding import ShardSummary, write_shards
from elmokit.processes import chosen_number


@verb("shard")
@text_inputs
@takes_output("New or empty directory for the shards.", ("-o", "--output", "--output-dir"), file_okay=False)
@click.option(
    "--num-shards",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Number of training files.",
)
@click.option(
    "--heldout-fraction",
    type=click.FloatRange(min=0, max=1, max_open=True),
    default=0.01,
    show_default=True,
    help="Share of the sentences to hold out of training, between 0 and 1; 0 for none.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the shuffle.")
@click.option(
    "--compression",
    type=click.Choice(get_args(Compression)),
    default="gz",
    show_default=True,
    help="Compression of the files written.",
)
@num_processes_option("if there is enough text")
@json_option
def command(
    inputs: tuple[str, ...],
    output: Path,
    num_shards: int,
    heldout_fraction: float,
    seed: int,
    compression: Compression,
    num_processes: int | None,
    more_inputs: tuple[str, ...],
) -> None:
    """Shuffle the sentences of all texts together and divide them into training shards and heldout text.

    Writes train-00000.txt.gz, train-00001.txt.gz, ... and heldout-00000.txt.gz. The same text and seed give
    the same files. Needs disk space for the uncompressed text, but little memory.

    \b
    Example:
      elmokit shard --input 'text/*.txt' -o shards --num-shards 20
      elmokit vocabulary --input 'shards/train-*' -o vocab.txt
    """
    files = find_inputs([*inputs, *more_inputs])
    warn_of_form(files)
    with ExitStack() as stack:
        reading = stack.enter_context(terminal.progress_bar("reading", total_bytes(files), "B"))
        writing: Any = None

        def on_written(done: int, total: int) -> None:
            nonlocal writing
            if writing is None:
                reading.close()
                writing = stack.enter_context(terminal.progress_bar("writing", total, " sentences"))
            writing.update(done - writing.n)

        summary = write_shards(
            files,
            output,
            num_shards=num_shards,
            heldout_fraction=heldout_fraction,
            seed=seed,
            compression=compression,
            num_processes=chosen_number(num_processes),
            on_bytes=reading.update,
            on_written=on_written,
        )
    _report(summary, output, num_shards)


def _report(summary: ShardSummary, output: Path, num_shards: int) -> None:
    num_files = len(summary.train_files)
    terminal.report(
        f"{output}: {terminal.counted(num_files, 'training file')} with "
        f"{terminal.counted(summary.num_sentences - summary.num_heldout_sentences, 'sentence')}, "
        f"{terminal.counted(summary.num_tokens - summary.num_heldout_tokens, 'token')}",
        output=output,
        num_training_files=num_files,
        num_sentences=summary.num_sentences,
        num_tokens=summary.num_tokens,
        num_heldout_sentences=summary.num_heldout_sentences,
        num_heldout_tokens=summary.num_heldout_tokens,
        num_blank_lines=summary.num_blank_lines,
    )
    terminal.note(
        f"heldout: {terminal.counted(summary.num_heldout_sentences, 'sentence')}, "
        f"{terminal.counted(summary.num_heldout_tokens, 'token')}; "
        f"skipped {terminal.counted(summary.num_blank_lines, 'blank line')}"
    )
    if num_files < num_shards:
        terminal.warn(
            f"wrote {terminal.counted(num_files, 'training file')} instead of {num_shards:,}: "
            "there are fewer sentences than that"
        )
