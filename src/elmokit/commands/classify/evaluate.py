"""elmokit classify evaluate: compare a classifier's predictions with labelled texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from elmokit.console import terminal
from elmokit.console.classifying import (
    ColumnChoice,
    check_picture,
    classifier_argument,
    mistakes_option,
    report_figures,
    say_report,
    single_labels,
    takes_columns,
)
from elmokit.console.downstream import relocated_option
from elmokit.console.models import device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import checked, verb
from elmokit.errors import ConfigError


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    yield from check_picture(values.get("plot"))


@verb("evaluate")
@checked(_check)
@classifier_argument
@click.argument("file", metavar="FILE")
@takes_columns()
@click.option(
    "--plot",
    metavar="PICTURE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the confusion matrix: .png, .svg or .pdf.",
)
@mistakes_option
@relocated_option
@json_option
@device_option
@threads_option
def command(
    directory: str,
    file: str,
    columns: ColumnChoice,
    plot: Path | None,
    num_mistakes: int,
    embedding: str | None,
    device: str,
    threads: int | None,
) -> None:
    """Print accuracy, macro F1, scores per label, the confusion matrix and the most confident errors.

    FILE is TSV, CSV or JSON lines, a directory with a folder of .txt files for each label, or - for TSV from
    the standard input. CLASSIFIER is a directory that `elmokit classify train` has written. Texts that it was
    trained with are reported.

    \b
    Example:
      elmokit classify evaluate classifier test.tsv --plot confusion.png
    """
    from elmokit.downstream.classification.classifier import TextClassifier

    use_threads(threads)
    data = columns.read(file, "test")
    if plot is not None and data.is_multi_label:
        raise ConfigError(f"--plot {plot}: texts with several labels have no confusion matrix")
    classifier = TextClassifier.load(directory, embedding, device=device, progress=terminal.progress_bar)
    with terminal.progress_bar("classifying", len(data), "text") as bar:
        report = classifier.evaluate(data.texts, single_labels(data), bar.update)
    if plot is not None:
        from elmokit.visualize.confusion import plot_confusion
        from elmokit.visualize.figures import save_figure

        assert report.confusion is not None
        save_figure(plot_confusion(report.labels, report.confusion), plot)
    if wants_json():
        figures = {"file": file, **report_figures(report, data, num_mistakes)}
        terminal.say(json.dumps(figures, ensure_ascii=False))
        return
    say_report(report, data, num_mistakes)
    if plot is not None:
        terminal.note(f"{plot}: confusion matrix of {terminal.counted(len(report.labels), 'label')}")
