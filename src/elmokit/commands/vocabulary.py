"""elmokit vocabulary: count words and write a vocabulary file."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs, text_inputs
from elmokit.data.read import total_bytes
from elmokit.data.vocabulary import Vocabulary, count_words
from elmokit.errors import OutputError

_MANY_UNKNOWN = 0.1  # share of tokens from which on perplexity says little


@click.command("vocabulary")
@text_inputs
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Vocabulary file to write.",
)
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
    help="Keep so many entries at most, <S>, </S> and <UNK> included.  [default: no limit]",
)
def command(
    inputs: tuple[str, ...],
    output: Path,
    min_count: int,
    max_size: int | None,
    more_inputs: tuple[str, ...],
) -> None:
    """Count the words of tokenized text and write them by falling count.

    The text has one sentence a line and spaces between tokens; .gz, .bz2, .xz and .zst files are
    read as they are. Count the training text only, not the heldout text.

    \b
    Example:
      elmokit vocabulary --input 'text/train-*.txt.gz' --output vocab.txt --min-count 3
    """
    paths = find_inputs(inputs, more_inputs)
    for path in paths:
        if output.exists() and Path(path).exists() and output.samefile(path):
            raise OutputError(f"{output}: also matched by --input: write it elsewhere or narrow the input")
    with terminal.progress_bar("counting words", total_bytes(paths), "B") as bar:
        found = count_words(paths, on_bytes=bar.update)
    vocabulary = Vocabulary.from_counts(found.counts, min_count=min_count, max_size=max_size)
    vocabulary.save(output)

    num_known = sum(found.counts[word] for word in vocabulary.words[3:])
    unknown = 1 - num_known / found.num_tokens
    terminal.say(f"{output}: {len(vocabulary):,} entries, <S>, </S> and <UNK> included")
    terminal.say(
        f"counted {found.num_tokens:,} tokens in {found.num_sentences:,} sentences, "
        f"skipped {found.num_blank_lines:,} blank lines"
    )
    terminal.say(
        f"in the vocabulary: {1 - unknown:.2%} of all tokens and {len(vocabulary) - 3:,} of "
        f"{len(found.counts):,} distinct ones; {unknown:.2%} of all tokens will be <UNK>"
    )
    if unknown > _MANY_UNKNOWN:
        terminal.warn(
            f"{unknown:.0%} of the tokens will be <UNK>, which makes perplexity look far too good: "
            "lower --min-count or raise --max-size"
        )
