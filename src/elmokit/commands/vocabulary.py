"""elmokit vocabulary: count words and write a vocabulary file."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs, text_inputs
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output, text_output
from elmokit.console.text_form import MANY_UNKNOWN, warn_of_form
from elmokit.console.verb import verb
from elmokit.console.worker_processes import num_processes_option
from elmokit.data.read import total_bytes
from elmokit.data.text_file import is_url
from elmokit.data.vocabulary import NUM_SPECIALS, Vocabulary
from elmokit.data.word_counts import WordCounts, count_words
from elmokit.files.atomic import refuse_inputs
from elmokit.processes import chosen_number


@verb("vocabulary")
@text_inputs
@takes_output("Vocabulary file to write; - for the standard output.", may_be_stdout=True, dir_okay=False)
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Leave out words that occur less often.",
)
@click.option(
    "--max-size",
    type=click.IntRange(min=4),
    help="Largest number of entries, <S>, </S> and <UNK> included.  [default: no limit]",
)
@num_processes_option("if there is enough text")
@json_option
def command(
    inputs: tuple[str, ...],
    output: Path,
    min_count: int,
    max_size: int | None,
    num_processes: int | None,
    more_inputs: tuple[str, ...],
) -> None:
    """Count the words of tokenized text and write them in order of descending frequency.

    The text has one sentence per line and spaces between tokens; .gz, .bz2, .xz and .zst files are
    decompressed as they are read. Count only the training text, not the heldout text.

    \b
    Example:
      elmokit vocabulary --input 'text/train-*.txt.gz' -o vocab.txt --min-count 3
    """
    files = find_inputs([*inputs, *more_inputs])
    refuse_inputs(output, [file.path for file in files if not is_url(file.path)])
    warn_of_form(files)
    with terminal.progress_bar("counting words", total_bytes(files), "B") as bar:
        found = count_words(files, on_bytes=bar.update, num_processes=chosen_number(num_processes))
    vocabulary = Vocabulary.from_counts(found.counts, min_count=min_count, max_size=max_size)
    with text_output(output) as path:
        vocabulary.save(path)
    _report(vocabulary, found, output)


def _report(vocabulary: Vocabulary, found: WordCounts, output: Path) -> None:
    known = vocabulary.words[NUM_SPECIALS:]
    unknown = 1 - sum(found.counts[word] for word in known) / found.num_tokens
    terminal.report(
        f"{output}: {len(vocabulary):,} entries, <S>, </S> and <UNK> included",
        output=output,
        num_entries=len(vocabulary),
        num_tokens=found.num_tokens,
        num_sentences=found.num_sentences,
        num_blank_lines=found.num_blank_lines,
        num_distinct_words=len(found.counts),
        unk_share=unknown,
    )
    terminal.note(
        f"counted {terminal.counted(found.num_tokens, 'token')} in "
        f"{terminal.counted(found.num_sentences, 'sentence')}, "
        f"skipped {terminal.counted(found.num_blank_lines, 'blank line')}"
    )
    terminal.note(
        f"in the vocabulary: {1 - unknown:.2%} of all tokens and {len(known):,} of "
        f"{len(found.counts):,} distinct words; {unknown:.2%} of all tokens will be <UNK>"
    )
    if not unknown:
        terminal.warn(
            "no word of this text will be <UNK>, so that a model cannot learn what to make of unknown words: "
            "leave rare words out with --min-count 2 or more"
        )
    if unknown > MANY_UNKNOWN:
        terminal.warn(
            f"{unknown:.0%} of the tokens will be <UNK>, which makes perplexity misleadingly low: "
            "lower --min-count or raise --max-size"
        )
