"""elmokit curves: draw the learning curves of training runs."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.verb import verb
from elmokit.errors import ConfigError
from elmokit.visualize.figures import MAP_SUFFIXES, check_suffix, save_figure


@verb("curves")
@click.argument("save_dirs", metavar="SAVE_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@takes_output("Figure to write: .png, .svg or .pdf.", dir_okay=False)
@json_option
def command(save_dirs: tuple[Path, ...], output: Path) -> None:
    """Plot the perplexity of one or more training runs against tokens and time.

    A run that is still in progress is drawn up to its latest record.

    \b
    Example:
      elmokit curves model austen-model -o curves.png
    """
    check_suffix(output)
    if output.suffix.lower() in MAP_SUFFIXES:
        raise ConfigError(
            f"{output}: curves cannot be written as {output.suffix.lower()}: expected .png, .svg or .pdf, "
            "or use TensorBoard to see them in a browser"
        )
    from elmokit.visualize.curves import plot_curves

    save_figure(plot_curves(save_dirs), output)
    terminal.report(
        f"{output}: {terminal.counted(len(save_dirs), 'run')}", output=output, num_runs=len(save_dirs)
    )
