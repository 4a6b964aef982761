"""Options and data that the commands of `elmokit classify` share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_input
from elmokit.files.home import expanded

if TYPE_CHECKING:
    from elmokit.downstream.classification.report import ClassificationReport
    from elmokit.downstream.labelled.keras_arrays import Part
    from elmokit.downstream.labelled.texts import LabelledTexts

_LONGEST_TEXT = 100  # characters of a text that is shown

classifier_argument = click.argument("directory", metavar="CLASSIFIER")
mistakes_option = click.option(
    "--mistakes",
    "num_mistakes",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Number of errors to list, the most confident ones first.",
)


@dataclass(frozen=True)
class ColumnChoice:
    """Where texts and labels are in a table, as far as the user has said."""

    text: str | None = None
    label: str | None = None
    delimiter: str | None = None

    def read(self, path: str, part: Part = "train", *, needs_label: bool = True) -> LabelledTexts:
        """Read labelled texts, and say what was guessed; ``-`` is the standard input, tab-separated.

        Raises:
            TextError: with file and line.
        """
        from elmokit.downstream.labelled.read import read_labelled

        found = read_labelled(
            str(find_input(path)) if path == "-" else path,
            text_column=self.text,
            label_column=self.label,
            label_delimiter=self.delimiter,
            part=part,
            needs_label=needs_label,
        )
        if found.note:
            terminal.note(f"{path}: {found.note}")
        return found


def takes_columns(*, labels: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options that say where texts and labels are; the command gets ``columns``.

    Args:
        labels: whether labels are read.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(
            text_column: str | None,
            label_column: str | None = None,
            label_delimiter: str | None = None,
            **arguments: Any,
        ) -> Any:
            return function(columns=ColumnChoice(text_column, label_column, label_delimiter), **arguments)

        if labels:
            command = click.option(
                "--label-delimiter",
                metavar="TEXT",
                help="What separates the labels of a text, if it may have several.",
            )(command)
            command = click.option(
                "--label-column", metavar="NAME|N", help="Column of the label.  [default: guessed and said]"
            )(command)
        return click.option(
            "--text-column", metavar="NAME|N", help="Column of the text.  [default: guessed and said]"
        )(command)

    return decorate


def same_files(files: Mapping[str, str | None]) -> Iterator[str]:
    """Yield what is wrong with data that are given twice, under whatever name.

    Args:
        files: path by option; None for an option that is not given.
    """
    given = [(option, path) for option, path in files.items() if path is not None]
    for number, (option, path) in enumerate(given):
        for other_option, other in given[:number]:
            has_parts = path.endswith(".npz") and {option, other_option} == {"--train", "--test"}
            if not has_parts and _is_same(path, other):
                yield (
                    f"{other_option} and {option} are the same data, {path}: scores on texts that the "
                    "classifier was trained with say nothing"
                )


def _is_same(path: str, other: str) -> bool:
    try:
        return path == other or expanded(path).samefile(expanded(other))
    except OSError:
        return False


def single_labels(data: LabelledTexts) -> list[str] | list[tuple[str, ...]]:
    """Return the labels as a classifier takes them: a string for each text, or a tuple."""
    if data.is_multi_label:
        return list(data.labels)
    return [label for (label,) in data.labels]


def say_report(report: ClassificationReport, data: LabelledTexts, num_mistakes: int) -> None:
    """Print a report and the most confident errors."""
    from elmokit.downstream.classification.report_text import report_lines

    for line in report_lines(report):
        terminal.say(line)
    shown = report.mistakes[:num_mistakes]
    if shown:
        terminal.say(f"\nmost confident errors ({len(shown)} of {len(report.mistakes):,}):")
    for own in shown:
        text = " ".join(data.texts[own.row].split())
        text = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
        terminal.say(
            f"{own.probability:.4f}  {_joined(own.predicted)} instead of {_joined(own.labels)}  "
            f"{data.places[own.row]}  {text}"
        )


def report_figures(report: ClassificationReport, data: LabelledTexts, num_mistakes: int) -> dict[str, Any]:
    """Return a report for JSON, the errors with their texts."""
    figures = report.as_dict(num_mistakes)
    for own in figures["mistakes"]:
        row = own.pop("row")
        own |= {"place": data.places[row], "text": data.texts[row]}
    return figures


def _joined(labels: tuple[str, ...]) -> str:
    return ",".join(labels) or "no label"


def check_picture(path: Path | None) -> Iterator[str]:
    """Yield what is wrong with the name of a picture of a confusion matrix."""
    if path is not None and path.suffix.lower() not in (".png", ".svg", ".pdf"):
        yield f"--plot {path}: expected a name that ends in .png, .svg or .pdf"
