"""Options and reports that the commands of `elmokit tag` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_input
from elmokit.data.read import total_bytes

if TYPE_CHECKING:
    from elmokit.downstream.tagging.layouts import TaggedSentence
    from elmokit.downstream.tagging.scores import Score, TagScores

_MAX_CONFUSIONS = 10

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

tagger_argument = click.argument("tagger_directory", metavar="TAGGER")
column_option = click.option(
    "--column",
    metavar="N|NAME",
    help="Column of the tag: its number from 1, -1 for the last, or a name of CoNLL-U such as xpos.  "
    "[default: upos of CoNLL-U, else the last]",
)


def format_option(*, plain: bool) -> Option:
    """Return the option ``--format``.

    Args:
        plain: whether text without tags is a format.
    """
    names = ["conllu", "tsv", "conll", *(["text"] if plain else [])]
    also = ", or text: a tokenized sentence a line" if plain else ""
    return click.option(
        "--format",
        "layout",
        type=click.Choice(names),
        help=f"conllu; tsv: columns separated by tabs; conll: by spaces{also}.  "
        "[default: as the first line looks]",
    )


def read_data(name: str, layout: str | None, column: str | None) -> list[TaggedSentence]:
    """Read a tagged file; ``-`` is the standard input.

    Raises:
        TextError: with file and line.
        ConfigError: if it has no such column.
    """
    from elmokit.downstream.tagging.files import read_tagged

    file = find_input(name)
    with terminal.progress_bar(f"reading {name}", total_bytes([file]), "B") as bar:
        return read_tagged(file, layout=layout, column=column, on_bytes=bar.update)


def tokens_and_tags(data: Sequence[TaggedSentence]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the tokens and the tags of each sentence."""
    return [own.tokens for own in data], [own.tags or [] for own in data]


def warn_of_faults(data: Sequence[TaggedSentence]) -> None:
    """Say how many tags are invalid in their scheme, and where the first is."""
    from elmokit.downstream.tagging.spans import detect_scheme, faults

    scheme = detect_scheme(tag for own in data for tag in own.tags or ())
    if scheme is None:
        return
    found = [(own, fault) for own in data for fault in faults(own.tags or [], scheme)]
    if found:
        sentence, first = found[0]
        terminal.warn(
            f"{sentence.place_of(first.position)}: {first.message} is not valid {scheme}; "
            f"{terminal.counted(len(found), 'such place')}, read as conlleval reads them: a span begins there"
        )


def report_lines(scores: TagScores) -> Iterator[str]:
    """Yield a report: overall figures, a row for each label, the most frequent confusions."""
    yield (
        f"{terminal.counted(scores.num_tokens, 'token')} in "
        f"{terminal.counted(scores.num_sentences, 'sentence')}"
    )
    yield f"accuracy            {scores.accuracy:.4f}"
    yield f"sentences all right {scores.sentence_accuracy:.4f}"
    if scores.spans is not None:
        yield f"span F1             {scores.spans.f1:.4f}"
    yield ""
    width = max([9, *(len(label) for label in scores.by_label)])
    yield f"{'':<{width}} precision  recall      F1    number  predicted"
    for label, score in scores.by_label.items():
        yield _row(label, score, width)
    if scores.spans is not None:
        yield _row("all spans", scores.spans, width)
    if scores.confusions:
        yield ""
        yield "most frequent confusions"
        for (tag, predicted), count in list(scores.confusions.items())[:_MAX_CONFUSIONS]:
            yield f"  {tag} taken for {predicted}: {count:,}"


def _row(label: str, score: Score, width: int) -> str:
    return (
        f"{label:<{width}} {score.precision:9.4f} {score.recall:7.4f} {score.f1:7.4f} {score.support:9,} "
        f"{score.predicted:10,}"
    )
