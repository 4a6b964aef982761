"""elmokit pairs evaluate: compare judgements with known ones."""

from __future__ import annotations

import json

import click

from elmokit.console import terminal
from elmokit.console.downstream import read_table, relocated_option
from elmokit.console.models import device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import verb


@verb("evaluate")
@click.argument("model_directory", metavar="PAIRS")
@click.argument("file", metavar="TEST.tsv")
@relocated_option
@json_option
@device_option
@threads_option
def command(model_directory: str, file: str, embedding: str | None, device: str, threads: int | None) -> None:
    """Compare judgements with known ones.

    Prints accuracy with its 95% interval, precision, recall and F1 for labels, and the correlations of
    Spearman and Pearson for scores. TEST.tsv has the columns of `elmokit pairs train`.

    \b
    Example:
      elmokit pairs evaluate pairs test.tsv
    """
    table = read_table(file)
    from elmokit.downstream.words.pair_data import read_pairs
    from elmokit.downstream.words.pairs import PairModel

    pairs = read_pairs(table)
    use_threads(threads)
    model = PairModel.load(
        model_directory, embedding=embedding, device=device, progress=terminal.progress_bar
    )
    scores = model.evaluate(pairs, progress=terminal.progress_bar)
    if wants_json():
        terminal.say(json.dumps({"num_pairs": len(pairs), **scores}))
        return
    terminal.say(terminal.counted(len(pairs), "pair"))
    if "accuracy" in scores:
        terminal.say(f"accuracy  {scores['accuracy']:.4f} ({scores['low']:.4f}-{scores['high']:.4f})")
    for name in ("precision", "recall", "f1", "majority", "spearman", "pearson"):
        if name in scores:
            terminal.say(f"{name:<9} {scores[name]:.4f}")
