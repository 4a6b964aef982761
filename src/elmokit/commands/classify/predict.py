"""elmokit classify predict: classify texts, one after the other."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from elmokit.console import terminal
from elmokit.console.classifying import ColumnChoice, classifier_argument, takes_columns
from elmokit.console.downstream import relocated_option
from elmokit.console.inputs import find_input, stdin_chunks
from elmokit.console.models import batch_size_option, device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.outputs import STDOUT, OutputPath
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import verb
from elmokit.data.read import read_lines
from elmokit.files.atomic import new_file, refuse_inputs

if TYPE_CHECKING:
    from elmokit.downstream.classification.classifier import Prediction, TextClassifier

_TABLES = (".tsv", ".csv", ".jsonl", ".ndjson", ".json", ".npz")


@verb("predict")
@classifier_argument
@click.argument("file", metavar="[FILE]", default="-")
@click.option(
    "-o",
    "--output",
    type=OutputPath(),
    default=STDOUT,
    help="File to write.  [default: the standard output]",
)
@takes_columns(labels=False)
@click.option("--probabilities", is_flag=True, help="Write the probability of every label, a column each.")
@relocated_option
@json_option
@batch_size_option
@device_option
@threads_option
def command(
    directory: str,
    file: str,
    output: Path,
    columns: ColumnChoice,
    probabilities: bool,
    embedding: str | None,
    batch_size: int,
    device: str,
    threads: int | None,
) -> None:
    """Classify each text of FILE, by default the standard input, as it comes.

    A text is a line; of TSV, CSV and JSON lines, the column of the text. Prints a header, then the label, its
    calibrated probability and the text, separated by tabs; several labels are separated by commas. With
    --json, each text is an object with label, probabilities and text. CLASSIFIER is a directory that `elmokit
    classify train` has written.

    \b
    Example:
      echo "a fine film" | elmokit classify predict classifier
      elmokit classify predict classifier reviews.csv --probabilities -o labels.tsv
    """
    if output != STDOUT and file != "-":
        refuse_inputs(output, [file])
    from elmokit.downstream.classification.classifier import TextClassifier

    use_threads(threads)
    chunks = _chunks(file, columns, batch_size)
    classifier = TextClassifier.load(directory, embedding, device=device, progress=terminal.progress_bar)
    written = _written(classifier, chunks, probabilities)
    if output == STDOUT:
        for line in written:
            terminal.say(line)
            sys.stdout.flush()
        return
    with new_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        num_lines = 0
        for line in written:
            stream.write(f"{line}\n")
            num_lines += 1
    num_texts = num_lines if wants_json() else num_lines - 1
    terminal.report(f"{output}: {terminal.counted(num_texts, 'text')}", output=output, num_texts=num_texts)


def _chunks(file: str, columns: ColumnChoice, size: int) -> Iterator[list[str]]:
    """Return the texts, a few at a time, however long the input goes on; a missing file is found at once."""
    if file == "-" and columns.text is None:
        return stdin_chunks(size)
    is_table = Path(file).suffix.lower() in _TABLES or Path(file).is_dir()
    if columns.text is not None or is_table:
        texts = iter(columns.read(file, "test", needs_label=False).texts)
    else:
        texts = read_lines(find_input(file))
    return iter(lambda: list(itertools.islice(texts, size)), [])


def _written(classifier: TextClassifier, chunks: Iterator[list[str]], probabilities: bool) -> Iterator[str]:
    """Yield the lines of the output."""
    names = classifier.labels if probabilities else []
    if not wants_json():
        yield "\t".join(["label", "probability", *map(_cell, names), "text"])
    for chunk in chunks:
        for text, found in zip(chunk, classifier.iter_predict(chunk), strict=True):
            if wants_json():
                yield json.dumps(_as_dict(found, text, classifier.is_multi_label), ensure_ascii=False)
                continue
            shares = [f"{found.probabilities[name]:.4f}" for name in names]
            label = _cell(",".join(found.labels))
            yield "\t".join([label, f"{found.probability:.4f}", *shares, _cell(text)])


def _as_dict(found: Prediction, text: str, is_multi_label: bool) -> dict[str, object]:
    label = {"labels": list(found.labels)} if is_multi_label else {"label": found.labels[0]}
    return {**label, "probability": found.probability, "probabilities": found.probabilities, "text": text}


def _cell(text: str) -> str:
    """Return a text as the field of a table, which has no tabs and line ends."""
    return " ".join(text.split("\t")).replace("\n", " ").replace("\r", " ")
