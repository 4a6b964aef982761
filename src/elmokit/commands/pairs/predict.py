"""elmokit pairs predict: judge pairs."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
    import numpy as np

    from elmokit.downstream.words.pair_data import Kind
    from elmokit.downstream.words.tables import Table


@verb("predict")
@click.argument("model_directory", metavar="PAIRS")
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
    """Judge the pairs of a table; the judgement is added as the first columns.

    These are the label (1 or 0) and its score, or the score alone. Scores are not calibrated probabilities.
    PAIRS is a directory that `elmokit pairs train` has written.

    \b
    Example:
      elmokit pairs predict pairs new.tsv
    """
    table = read_table(file)
    from elmokit.downstream.words.pair_data import read_pairs
    from elmokit.downstream.words.pairs import PairModel

    pairs = read_pairs(table, tagged=False)
    use_threads(threads)
    model = PairModel.load(
        model_directory, embedding=embedding, device=device, progress=terminal.progress_bar
    )
    predicted = model.predict(pairs, progress=terminal.progress_bar)
    write_lines(output, [file], _lines(table, predicted, model.kind))


def _lines(table: Table, predicted: np.ndarray, kind: Kind) -> Iterator[str]:
    names = ["predicted", "predicted_score"] if kind == "label" else ["predicted_score"]
    if not wants_json():
        yield "\t".join([*names, *table.columns])
    for row, score in zip(table.rows, predicted, strict=True):
        label = [int(score >= 0.5)] if kind == "label" else []
        if wants_json():
            found = dict(zip(names, [*label, float(score)], strict=True))
            yield json.dumps({**found, **row.values}, ensure_ascii=False)
        else:
            yield "\t".join([*map(str, label), f"{score:.4f}", *row.values.values()])
