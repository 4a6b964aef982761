"""elmokit curves: the learning curves of training runs."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.errors import ConfigError
from elmokit.visualize.curves import plot_curves
from elmokit.visualize.figure import check_suffix, save_figure


@click.command("curves")
@click.argument("save_dirs", metavar="SAVE_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Picture to write: .png, .svg or .pdf.",
)
def command(save_dirs: tuple[Path, ...], output: Path) -> None:
    """Draw perplexity over tokens and over time, of one training run or several.

    A run that is still going is drawn as far as it is.

    \b
    Example:
      elmokit curves model austen-model -o curves.png
    """
    check_suffix(output)
    if output.suffix.lower() == ".html":
        raise ConfigError(
            f"{output}: curves are drawn as .png, .svg or .pdf; TensorBoard shows them in a browser"
        )
    save_figure(plot_curves(save_dirs), output)
    terminal.say(f"{output}: {terminal.counted(len(save_dirs), 'run')}")
