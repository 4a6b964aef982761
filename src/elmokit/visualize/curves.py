"""Plot the learning curves of training runs."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from elmokit.arguments import checked
from elmokit.errors import ElmokitError
from elmokit.files.atomic import kind_by_beginning, new_file
from elmokit.files.home import expanded
from elmokit.visualize.canvas import checked_width, new_figure
from elmokit.visualize.palette import COLORS, QUIET, TEXT, marker_of
from elmokit.visualize.run_history import SMOOTHING, Curve, RunHistory, read_history
from elmokit.visualize.text_measure import shortened, text_width, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 9.0  # inches
_NARROW = 5.0  # inches, below which panels are above each other
_PANEL = 3.6, 2.2  # inches, height of panels beside and above each other
_BELOW, _RIGHT = 0.6, 0.15  # inches around panels
_AXIS_NAME = 0.36  # inches, from the left edge to the numbers, and from these to the panel
_NUMBER_SIZE = 8
_LINE = 0.19  # inches
_STYLES = ("-", "--", ":", "-.")
_NOTE = (
    "thick: heldout text, as measured (hollow triangles: above the picture); faint: training batches, as "
    "recorded; thin: their mean, on a log scale, with Gaussian weights "
    f"(σ = {SMOOTHING:.0%} of the run's records)"
)
_FONTS = ("DejaVu Sans",)
_NAME_SIZE, _NOTE_SIZE = 9, 8
_HANDLE = 36  # points, of a line in the legend and the space after it
_FAR = 10  # times the highest perplexity in training, above which heldout text is off the scale
_COLUMNS = ("run", "text", "tokens", "seconds", "perplexity", "smoothed")


@dataclass(frozen=True)
class Run:
    """A training run and its name among several."""

    name: str
    history: RunHistory


def read_runs(save_dirs: Sequence[str | Path]) -> list[Run]:
    """Read the histories of training runs.

    Steps that were repeated after the run went back to a checkpoint replace the earlier ones.

    Args:
        save_dirs: save directories of the runs.

    Raises:
        ElmokitError: if a directory is not a training run or has no records yet, or no directory is given.
    """
    paths = [expanded(directory) for directory in save_dirs]
    if not paths:
        raise ElmokitError("no runs: expected at least one save directory of a training run")
    return [Run(name, read_history(path)) for path, name in zip(paths, _names(paths), strict=True)]


@checked
def plot_curves(save_dirs: Sequence[str | Path], width: float | None = None) -> Figure:
    """Draw the learning curves of training runs, over tokens and over time.

    Faint lines show the perplexity of training batches, and thin lines the same after smoothing: the
    logarithms are averaged with Gaussian weights, whose standard deviation is 3% of the records. Thick lines
    with markers show the perplexity of heldout text, as it was measured.

    Args:
        save_dirs: save directories of the runs.
        width: of the figure, in centimeters; 22.9 by default.

    Returns:
        The figure, which a notebook displays; :func:`elmokit.save_figure` saves it.

    Raises:
        ConfigError: if the width is out of range.
        ElmokitError: if a directory is not a training run or has no records yet, or no directory is given.
        MissingExtraError: if Matplotlib is not installed.
    """
    return draw_curves(read_runs(save_dirs), width)


def draw_curves(runs: Sequence[Run], width: float | None = None) -> Figure:
    """Draw the learning curves of runs; see :func:`plot_curves`."""
    full_width = _WIDTH if width is None else checked_width(width)
    is_narrow = full_width < _NARROW
    notes = wrapped(_NOTE, _FONTS, _NOTE_SIZE, (full_width - 0.2) * 72)
    legend = _LINE * (len(runs) + len(notes)) + 0.1
    panels = 2 * _PANEL[1] + _BELOW if is_narrow else _PANEL[0]
    height = 0.1 + panels + _BELOW + legend
    figure = new_figure(full_width, height)
    histories = [run.history for run in runs]
    limits = _limits(histories)
    axes = figure.subplots(
        *((2, 1) if is_narrow else (1, 2)),
        sharey=True,
        gridspec_kw={
            "left": (_AXIS_NAME + _widest_number(limits[1])) / full_width,
            "right": 1 - _RIGHT / full_width,
            "top": 1 - 0.1 / height,
            "bottom": (_BELOW + legend) / height,
            "wspace": 0.1,
            "hspace": _BELOW / _PANEL[1],
        },
    )
    longest = max(history.train.seconds[-1] for history in histories)
    unit, seconds = ("hours", 3600.0) if longest >= 7200 else ("minutes", 60.0)
    for panel, label in zip(axes, ("tokens", unit), strict=True):
        panel.set_yscale("log")
        panel.set_ylim(*limits)
        for number, run in enumerate(runs):
            _draw(panel, run.history, _style(number), None if label == "tokens" else seconds)
        _finish(panel, label)
        if label == "tokens" or is_narrow:
            panel.set_ylabel("perplexity", color=TEXT, fontsize=9)
    _add_legend(figure, runs, notes)
    return figure


def write_curves(runs: Sequence[Run], path: Path) -> None:
    """Write what :func:`draw_curves` draws as a CSV table.

    Each row is a record: its ``run``, its ``text`` (``train`` or ``heldout``), the ``tokens`` and ``seconds``
    so far, and its ``perplexity``; ``smoothed`` is empty for heldout text, which is not smoothed.

    Args:
        runs: the runs.
        path: the file to write.

    Raises:
        OutputError: if the file cannot be written, or another file is there.
    """
    with (
        new_file(path, kind_by_beginning("a table of curves", ",".join(_COLUMNS).encode())) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for run in runs:
            train, heldout = run.history.train, run.history.heldout
            smoothed = run.history.smoothed.round(6).tolist()
            table.writerows((run.name, "train", *row) for row in _rows(train, smoothed))
            table.writerows((run.name, "heldout", *row) for row in _rows(heldout, [""] * len(heldout.tokens)))


def _rows(curve: Curve, smoothed: Sequence[float | str]) -> Iterator[tuple[float | str, ...]]:
    tokens = [round(number) for number in curve.tokens.tolist()]
    return zip(tokens, curve.seconds.tolist(), curve.perplexity.tolist(), smoothed, strict=True)


def _style(number: int) -> dict[str, str]:
    return {
        "color": COLORS[number % len(COLORS)],
        "linestyle": _STYLES[number // len(COLORS) % len(_STYLES)],
    }


def _limits(histories: list[RunHistory]) -> tuple[float, float]:
    """Return the limits of the perplexity axis.

    Heldout perplexity can be extreme early in a run, and single batches always; such values are cut off so
    that the rest stays readable. Those of heldout text have triangles at the edge.
    """
    all_values = np.concatenate(
        [values for history in histories for values in (history.smoothed, history.heldout.perplexity)]
    )
    medians = [
        np.median(history.heldout.perplexity) for history in histories if len(history.heldout.perplexity)
    ]
    trained = max(history.smoothed.max() for history in histories)
    return all_values.min() / 1.1, max([trained, *(one for one in medians if one < _FAR * trained)]) * 1.1


def _widest_number(highest: float) -> float:
    """Return the width of the longest number at the perplexity axis in inches."""
    from matplotlib.font_manager import FontProperties

    family = FontProperties().get_family()
    return text_width(f"{10 ** math.floor(math.log10(highest)) * 5:,.0f}", family, _NUMBER_SIZE) / 72


def _draw(axes: Axes, history: RunHistory, style: dict[str, str], seconds: float | None) -> None:
    """Draw a run over tokens, or over time in units of so many seconds."""
    train, heldout = (
        curve.tokens if seconds is None else curve.seconds / seconds
        for curve in (history.train, history.heldout)
    )
    color = style["color"]
    axes.plot(train, history.train.perplexity, color=color, linewidth=0.6, alpha=0.25, zorder=1.5)
    axes.plot(train, history.smoothed, linewidth=0.9, **style)  # type: ignore[arg-type]
    axes.plot(
        heldout,
        history.heldout.perplexity,
        linewidth=1.8,
        marker=marker_of(color),
        markersize=4.5,
        **style,  # type: ignore[arg-type]
    )
    is_above = history.heldout.perplexity > axes.get_ylim()[1]
    if is_above.any():
        places = heldout[is_above]
        top = np.full(len(places), axes.get_ylim()[1])
        axes.plot(
            places, top, "^", color=color, markersize=7, markerfacecolor="white", clip_on=False, zorder=5
        )


def _finish(axes: Axes, label: str) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    axes.set_xlabel(label, color=TEXT, fontsize=9)
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
    axes.tick_params(colors=TEXT, labelsize=_NUMBER_SIZE)
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(figure: Figure, runs: Sequence[Run], notes: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    styles = [_style(number) for number in range(len(runs))]
    handles = [
        Line2D([], [], linewidth=1.8, marker=marker_of(style["color"]), markersize=4.5, **style)  # type: ignore[arg-type]
        for style in styles
    ]
    figure.legend(
        handles,
        [shortened(_legend_text(run), _FONTS, _NAME_SIZE, (width - 0.2) * 72 - _HANDLE) for run in runs],
        loc="lower left",
        bbox_to_anchor=(0.1 / width, (0.08 + _LINE * len(notes)) / height),
        frameon=False,
        prop={"family": _FONTS, "size": _NAME_SIZE},
        labelcolor=TEXT,
        borderaxespad=0,
        borderpad=0,
        labelspacing=0.35,
    )
    for number, note in enumerate(reversed(notes)):
        figure.text(
            0.1 / width,
            (0.06 + _LINE * number) / height,
            note,
            fontfamily=_FONTS,
            fontsize=_NOTE_SIZE,
            color=QUIET,
        )


def _legend_text(run: Run) -> str:
    perplexity = run.history.heldout.perplexity
    return f"{run.name}: best on heldout text {perplexity.min():,.1f}" if len(perplexity) else run.name


def _names(paths: list[Path]) -> list[str]:
    """Return the shortest path suffixes of equal length that tell the runs apart."""
    parts = [path.resolve().parts for path in paths]
    for length in itertools.count(1):
        names = [str(Path(*own[-length:])) for own in parts]
        if len(set(names)) == len(set(parts)) or length > max(map(len, parts)):
            return names
    raise AssertionError("unreachable")
