"""Plot the learning curves of training runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from elmokit.errors import ElmokitError
from elmokit.files.home import expanded
from elmokit.visualize.canvas import new_figure
from elmokit.visualize.palette import COLORS, TEXT
from elmokit.visualize.run_history import RunHistory, read_history

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 9.0, 4.2  # inches
_LEGEND_LINE = 0.2  # inches
_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class _Run:
    name: str
    history: RunHistory
    style: dict[str, str]
    """Color and line style."""


def plot_curves(save_dirs: Sequence[str | Path]) -> Figure:
    """Draw the learning curves of training runs, over tokens and over time.

    Thin lines show the perplexity of training batches, smoothed over 3% of the run; thick lines with markers
    show the perplexity of heldout text. Steps that were repeated after the run went back to a checkpoint
    replace the earlier ones.

    Args:
        save_dirs: save directories of the runs.

    Returns:
        The figure, which a notebook displays; :func:`elmokit.save_figure` saves it.

    Raises:
        ElmokitError: if a directory is not a training run or has no records yet, or no directory is given.
        MissingExtraError: if Matplotlib is not installed.
    """
    paths = [expanded(directory) for directory in save_dirs]
    if not paths:
        raise ElmokitError("no runs: expected at least one save directory of a training run")
    runs = [
        _Run(name, read_history(path), _style(number))
        for number, (path, name) in enumerate(zip(paths, _names(paths), strict=True))
    ]
    histories = [run.history for run in runs]
    height = _HEIGHT + _LEGEND_LINE * (len(runs) + 1)
    figure = new_figure(_WIDTH, height)
    axes = figure.subplots(
        1,
        2,
        sharey=True,
        gridspec_kw={
            "left": 0.09,
            "right": 0.98,
            "top": 1 - 0.15 / height,
            "bottom": (0.65 + _LEGEND_LINE * (len(runs) + 1)) / height,
            "wspace": 0.06,
        },
    )
    longest = max(history.train.seconds[-1] for history in histories)
    unit, seconds = ("hours", 3600.0) if longest >= 7200 else ("minutes", 60.0)
    for panel in axes:
        panel.set_yscale("log")
        panel.set_ylim(*_limits(histories))
    for run in runs:
        train, heldout = run.history.train, run.history.heldout
        _draw(axes[0], run, train.tokens, heldout.tokens)
        _draw(axes[1], run, train.seconds / seconds, heldout.seconds / seconds)
    for panel, label in zip(axes, ("tokens", unit), strict=True):
        _finish(panel, label)
    axes[0].set_ylabel("perplexity", color=TEXT)
    _add_legend(figure, runs, height)
    return figure


def _style(number: int) -> dict[str, str]:
    return {
        "color": COLORS[number % len(COLORS)],
        "linestyle": _STYLES[number // len(COLORS) % len(_STYLES)],
    }


def _limits(histories: list[RunHistory]) -> tuple[float, float]:
    """Return the limits of the perplexity axis.

    Heldout perplexity can be extreme early in a run; such values are cut off so that the rest stays readable.
    """
    all_values = np.concatenate(
        [curve.perplexity for history in histories for curve in (history.train, history.heldout)]
    )
    medians = [
        np.median(history.heldout.perplexity) for history in histories if len(history.heldout.perplexity)
    ]
    highest = max([*(history.train.perplexity.max() for history in histories), *medians])
    return all_values.min() / 1.1, highest * 1.1


def _draw(axes: Axes, run: _Run, train: np.ndarray, heldout: np.ndarray) -> None:
    history = run.history
    axes.plot(train, history.train.perplexity, linewidth=0.8, alpha=0.7, **run.style)  # type: ignore[arg-type]
    axes.plot(
        heldout,
        history.heldout.perplexity,
        linewidth=1.8,
        marker="o",
        markersize=4,
        **run.style,  # type: ignore[arg-type]
    )


def _finish(axes: Axes, label: str) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    axes.set_xlabel(label, color=TEXT)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if label == "tokens":
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    # The last tick label of one panel would touch the first one of the next.
    axes.xaxis.set_major_locator(MaxNLocator(6, prune="upper"))
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=TEXT, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(figure: Figure, runs: list[_Run], height: float) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linewidth=1.8, **run.style) for run in runs]  # type: ignore[arg-type]
    figure.legend(
        handles,
        [_legend_text(run) for run in runs],
        loc="lower left",
        bbox_to_anchor=(0.08, 0.22 / height),
        frameon=False,
        fontsize=9,
        labelcolor=TEXT,
        borderaxespad=0,
    )
    figure.text(
        0.09,
        0.1 / height,
        "thick: heldout text, with its best perplexity; thin: training batches, smoothed",
        fontsize=7,
        color="#666666",
    )


def _legend_text(run: _Run) -> str:
    perplexity = run.history.heldout.perplexity
    return f"{run.name}: heldout {perplexity.min():.1f}" if len(perplexity) else run.name


def _names(paths: list[Path]) -> list[str]:
    """Return the shortest path suffixes of equal length that tell the runs apart."""
    parts = [path.resolve().parts for path in paths]
    for length in itertools.count(1):
        names = [str(Path(*own[-length:])) for own in parts]
        if len(set(names)) == len(set(parts)) or length > max(map(len, parts)):
            return names
    raise AssertionError("unreachable")
