"""elmokit curves: draw the learning curves of training runs."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.figure_width import figure_width_option, needs_figure
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.verb import verb
from elmokit.errors import ConfigError
from elmokit.visualize.figures import FIGURE_SUFFIXES, save_figure

_TABLE = ".csv"


@verb("curves")
@click.argument("save_dirs", metavar="SAVE_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@takes_output("Figure to write: .png, .svg or .pdf; or .csv, the numbers that are drawn.", dir_okay=False)
@figure_width_option
@json_option
def command(save_dirs: tuple[Path, ...], output: Path, width: float | None) -> None:
    """Plot the perplexity of one or more training runs against tokens and time.

    A run that is still in progress is drawn up to its latest record. Heldout perplexity is drawn as measured;
    that of the training batches both as recorded and smoothed.

    \b
    Example:
      elmokit curves model austen-model -o curves.png
      elmokit curves model austen-model -o curves.csv
    """
    suffix = output.suffix.lower()
    if suffix not in (*FIGURE_SUFFIXES, _TABLE):
        raise ConfigError(
            f"{output}: curves cannot be written as {suffix or 'a file without suffix'}: "
            f"expected {', '.join(FIGURE_SUFFIXES)} or {_TABLE}, or use TensorBoard to see them in a browser"
        )
    needs_figure(output, width)
    from elmokit.visualize.curves import draw_curves, read_runs, write_curves

    runs = read_runs(save_dirs)
    if suffix == _TABLE:
        write_curves(runs, output)
    else:
        save_figure(draw_curves(runs, width), output)
    terminal.report(
        f"{output}: {terminal.counted(len(runs), 'run')}",
        output=output,
        num_runs=len(runs),
        runs=[
            {
                "name": run.name,
                "tokens": round(float(run.history.train.tokens[-1])),
                "seconds": float(run.history.train.seconds[-1]),
                "best_heldout_perplexity": min(run.history.heldout.perplexity.tolist(), default=None),
            }
            for run in runs
        ],
    )
