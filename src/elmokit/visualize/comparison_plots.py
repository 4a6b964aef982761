"""Plot comparisons of embeddings: scores, learning curves, mixing weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from elmokit.arguments import checked, numbers
from elmokit.downstream.comparison.summary import Comparison, Row
from elmokit.errors import ElmokitError
from elmokit.visualize.canvas import new_figure
from elmokit.visualize.palette import COLORS, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 7.0  # inches
_ROW = 0.38  # inches
_CHARACTER = 0.075  # inches, of a label


def plot_scores(comparison: Comparison) -> Figure:
    """Draw the test score of each system as a point, with its interval over seeds as a bar.

    Args:
        comparison: the result; of several numbers of examples the largest is drawn.

    Raises:
        MissingExtraError: if Matplotlib is not installed.
    """
    rows = comparison.main_rows
    names = [row.system for row in rows]
    figure, axes = _panel_of_rows(names, bottom=0.55)
    for place, row in enumerate(rows):
        color = COLORS[place % len(COLORS)]
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [place, place], color=color, linewidth=2.5, alpha=0.5)
        axes.plot(row.score, place, "o", color=color, markersize=7)
        axes.annotate(
            f"{row.score:.3f}",
            (row.score, place),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.margins(x=0.08)
    axes.set_xlabel(f"{comparison.metric.name} on {comparison.num_test_items:,} test items", color=TEXT)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.6)
    return figure


def plot_learning_curves(comparison: Comparison) -> Figure:
    """Draw the test score of each system over the number of training examples.

    Bars are the intervals over seeds, each of which draws examples of its own.

    Args:
        comparison: the result for several numbers of examples.

    Raises:
        ElmokitError: if there is only one number of examples.
        MissingExtraError: if Matplotlib is not installed.
    """
    sizes = comparison.train_sizes
    if len(sizes) < 2:
        raise ElmokitError(
            "a learning curve needs several numbers of training examples: --train-sizes 10,100,all"
        )
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    figure = new_figure(_WIDTH, 4.4)
    axes = figure.subplots(gridspec_kw={"left": 0.1, "right": 0.98, "top": 0.96, "bottom": 0.13})
    for place, (system, rows) in enumerate(_by_system(comparison.rows).items()):
        scores = [row.score for row in rows]
        errors = [
            [
                score - (score if row.low is None else row.low)
                for row, score in zip(rows, scores, strict=True)
            ],
            [
                (score if row.high is None else row.high) - score
                for row, score in zip(rows, scores, strict=True)
            ],
        ]
        # Moved apart a little, so that bars do not cover each other.
        shifted = [row.train_size * 1.02 ** (place - 1) for row in rows]
        axes.errorbar(
            shifted,
            scores,
            yerr=errors,
            label=system,
            marker="o",
            markersize=4,
            linewidth=1.6,
            capsize=2,
            elinewidth=0.8,
            color=COLORS[place % len(COLORS)],
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(size) for size in sizes]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("labeled training examples", color=TEXT)
    axes.set_ylabel(comparison.metric.name, color=TEXT)
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.legend(frameon=False, fontsize=9, labelcolor=TEXT)
    _finish(axes)
    return figure


@checked
def plot_mixing_weights(weights: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how much each layer of a biLM is used: one bar per task or system.

    Args:
        weights: for each name the weights of the layers, the token layer first, which sum to 1.

    Raises:
        ElmokitError: if there are no weights.
        MissingExtraError: if Matplotlib is not installed.
    """
    if not weights:
        raise ElmokitError("no mixing weights: none of the embeddings has several layers")
    weights = {name: numbers(f"weights[{name!r}]", own) for name, own in weights.items()}
    figure, axes = _panel_of_rows(list(weights), bottom=0.95)
    for layer in range(max(map(len, weights.values()))):
        for place, own in enumerate(weights.values()):
            if layer < len(own):
                left = sum(own[:layer])
                label = None if place else ("token layer" if layer == 0 else f"LSTM {layer}")
                axes.barh(
                    place, own[layer], left=left, color=COLORS[layer % len(COLORS)], label=label, height=0.6
                )
                if own[layer] > 0.06:
                    axes.text(
                        left + own[layer] / 2,
                        place,
                        f"{own[layer]:.2f}",
                        ha="center",
                        va="center",
                        color="white",
                        fontsize=8,
                    )
    axes.set_xlim(0, 1)
    axes.set_xlabel("weight of the layer in the mixture", color=TEXT)
    figure.legend(frameon=False, fontsize=8, labelcolor=TEXT, ncols=6, loc="lower center")
    return figure


def _panel_of_rows(names: Sequence[str], *, bottom: float) -> tuple[Figure, Axes]:
    """Return a figure whose vertical axis lists names, the first on top; ``bottom`` is in inches."""
    height = _ROW * len(names) + bottom + 0.25
    left = min(0.45, (0.3 + _CHARACTER * max(map(len, names))) / _WIDTH)
    figure = new_figure(_WIDTH, height)
    axes = figure.subplots(
        gridspec_kw={"left": left, "right": 0.97, "top": 1 - 0.2 / height, "bottom": bottom / height}
    )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.6)
    _finish(axes)
    return figure, axes


def _finish(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.tick_params(colors=TEXT, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _by_system(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.system, []).append(row)
    return found
