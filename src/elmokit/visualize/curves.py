"""Learning curves of training runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from elmokit.errors import ElmokitError
from elmokit.training.journal import read_metrics
from elmokit.visualize.figure import new_figure
from elmokit.visualize.palette import COLORS, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMOOTHING = 0.03  # of a run: over this share the training perplexity is averaged
_WIDTH, _HEIGHT = 9.0, 4.2  # inches
_LEGEND_LINE = 0.2  # inches
_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class _Curve:
    """Perplexity over the course of a run."""

    tokens: np.ndarray
    seconds: np.ndarray
    perplexity: np.ndarray


@dataclass(frozen=True)
class _Run:
    name: str
    train: _Curve
    heldout: _Curve
    look: dict[str, str]
    """Color and line style."""


def plot_curves(save_dirs: Sequence[str | Path]) -> Figure:
    """Draw the learning curves of training runs, over tokens and over time.

    Thin lines are the perplexity of the training batches, smoothed over 3 % of the run; thick ones with
    points are that of heldout text. What a run did again, after it went back to a checkpoint, replaces what
    it had done before.

    Args:
        save_dirs: of the runs.

    Returns:
        The figure, which a notebook shows; :func:`elmokit.visualize.figure.save_figure` writes it.

    Raises:
        ElmokitError: when a directory is no run or has no records yet, or none is given.
        MissingExtraError: when Matplotlib is not installed.
    """
    paths = [Path(directory) for directory in save_dirs]
    if not paths:
        raise ElmokitError("no runs: expected the save directories of training runs")
    runs = [
        _read_run(path, name, number)
        for number, (path, name) in enumerate(zip(paths, _names(paths), strict=True))
    ]
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
    longest = max(run.train.seconds[-1] for run in runs)
    unit, seconds = ("hours", 3600.0) if longest >= 7200 else ("minutes", 60.0)
    shown = np.concatenate([curve.perplexity for run in runs for curve in (run.train, run.heldout)])
    # A heldout figure may be absurd early in a run; it leaves the picture, and the others stay readable.
    usual = [np.median(run.heldout.perplexity) for run in runs if len(run.heldout.perplexity)]
    highest = max([*(run.train.perplexity.max() for run in runs), *usual])
    for own_axes in axes:
        own_axes.set_yscale("log")
        own_axes.set_ylim(shown.min() / 1.1, highest * 1.1)
    for run in runs:
        _draw(axes[0], run, run.train.tokens, run.heldout.tokens)
        _draw(axes[1], run, run.train.seconds / seconds, run.heldout.seconds / seconds)
    for own_axes, label in zip(axes, ("tokens", unit), strict=True):
        _finish(own_axes, label)
    axes[0].set_ylabel("perplexity", color=TEXT)
    _add_legend(figure, runs, height)
    return figure


def _read_run(path: Path, name: str, number: int) -> _Run:
    records = _lasting(read_metrics(path))
    train = [record for record in records if _is_point(record, "train") and "predictions" in record]
    heldout = [record for record in records if _is_point(record, "heldout")]
    if not train:
        raise ElmokitError(f"{path / 'metrics.jsonl'}: no records of training yet: wait for its first steps")
    steps = np.array([0, *(record["step"] for record in train)], dtype=float)
    tokens = np.array([0, *(record["predictions"] for record in train)], dtype=float)
    return _Run(
        name,
        _Curve(tokens[1:], _column(train, "seconds"), _smooth(_column(train, "perplexity"))),
        _Curve(
            np.interp(_column(heldout, "step"), steps, tokens),
            _column(heldout, "seconds"),
            _column(heldout, "perplexity"),
        ),
        {
            "color": COLORS[number % len(COLORS)],
            "linestyle": _STYLES[number // len(COLORS) % len(_STYLES)],
        },
    )


def _is_point(record: dict[str, Any], event: str) -> bool:
    numbers = (record.get("step"), record.get("seconds"), record.get("perplexity"))
    return record.get("event") == event and all(
        isinstance(number, int | float) and math.isfinite(number) for number in numbers
    )


def _lasting(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records, without those of steps that were done again later."""
    kept: list[dict[str, Any]] = []
    for record in records:
        start = len(kept)  # of what is void
        for place in range(len(kept) - 1, -1, -1):
            other = kept[place]
            if other["step"] < record["step"]:
                break
            if other["step"] > record["step"] or other.get("event") == record.get("event"):
                start = place
        del kept[start:]
        kept.append(record)
    return kept


def _column(records: list[dict[str, Any]], key: str) -> np.ndarray:
    return np.array([record[key] for record in records], dtype=float)


def _smooth(perplexity: np.ndarray) -> np.ndarray:
    """The geometric mean of near values, weighted by a Gaussian."""
    width = _SMOOTHING * len(perplexity)
    places = np.arange(len(perplexity))
    reach = max(1, int(3 * width))
    smoothed = np.empty(len(perplexity))
    for place in places:
        near = slice(max(0, place - reach), place + reach + 1)
        weights = np.exp(-0.5 * ((places[near] - place) / max(width, 0.3)) ** 2)
        smoothed[place] = np.exp(np.average(np.log(perplexity[near]), weights=weights))
    return smoothed


def _draw(axes: Axes, run: _Run, train: np.ndarray, heldout: np.ndarray) -> None:
    axes.plot(train, run.train.perplexity, linewidth=0.8, alpha=0.7, **run.look)  # type: ignore[arg-type]
    axes.plot(heldout, run.heldout.perplexity, linewidth=1.8, marker="o", markersize=4, **run.look)  # type: ignore[arg-type]


def _finish(axes: Axes, label: str) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    axes.set_xlabel(label, color=TEXT)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if label == "tokens":
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    # The last name of this panel would touch the first one of the next.
    axes.xaxis.set_major_locator(MaxNLocator(6, prune="upper"))
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=TEXT, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(figure: Figure, runs: list[_Run], height: float) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linewidth=1.8, **run.look) for run in runs]  # type: ignore[arg-type]
    names = [
        f"{run.name}: heldout {run.heldout.perplexity.min():.1f}" if len(run.heldout.perplexity) else run.name
        for run in runs
    ]
    figure.legend(
        handles,
        names,
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
        "thick: heldout text, with its best figure; thin: training batches, smoothed",
        fontsize=7,
        color="#666666",
    )


def _names(paths: list[Path]) -> list[str]:
    """Of each run the end of its path that tells it from the others."""
    parts = [path.resolve().parts for path in paths]
    for length in itertools.count(1):
        names = [str(Path(*own[-length:])) for own in parts]
        if len(set(names)) == len(set(parts)) or length > max(map(len, parts)):
            return names
    raise AssertionError("unreachable")
