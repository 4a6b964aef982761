"""elmokit curves: draw the learning curves of training runs."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.options import figure_option
from elmokit.errors import ConfigError
from elmokit.visualize.curves import plot_curves
from elmokit.visualize.figures import check_suffix, save_figure


@click.command("curves")
@click.argument("save_dirs", metavar="SAVE_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@figure_option(".png, .svg or .pdf")
def command(save_dirs: tuple[Path, ...], output: Path) -> None:
    """Plot the perplexity of one or more training runs against tokens and time.

    A run that is still in progress is drawn up to its latest record.

    \b
    Example:
      elmokit curves model austen-model -o curves.png
    """
    check_suffix(output)
    if output.suffix.lower() == ".html":
        raise ConfigError(
            f"{output}: curves cannot be written as .html: expected .png, .svg or .pdf, "
            "or use TensorBoard to see them in a browser"
        )
    save_figure(plot_curves(save_dirs), output)
    terminal.say(f"{output}: {terminal.counted(len(save_dirs), 'run')}")
