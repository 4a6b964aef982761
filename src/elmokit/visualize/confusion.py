"""Draw the confusion matrix of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from elmokit.arguments import checked, described
from elmokit.errors import ConfigError
from elmokit.visualize.canvas import new_figure
from elmokit.visualize.palette import TEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = 0.55  # inches
_MARGIN = 1.6  # inches, for the labels
_MOST_NUMBERS = 40  # labels; with more, the numbers would not be readable
_LONGEST_LABEL = 18  # characters


@checked
def plot_confusion(labels: Sequence[str], counts: np.ndarray) -> Figure:
    """Draw how often each label was predicted for each true label.

    The color of a cell is its share of the row, so that rare labels are as visible as frequent ones.

    Args:
        labels: the K labels.
        counts: (K, K) number of texts by true label (rows) and predicted label (columns).

    Returns:
        The figure, which a notebook displays; :func:`elmokit.save_figure` saves it.

    Raises:
        ConfigError: if the counts have another shape.
        MissingExtraError: if Matplotlib is not installed.
    """
    try:
        counts = np.asarray(counts)
    except Exception:  # of any kind: it is an object of somebody else
        raise ConfigError(f"counts: expected numbers, got {described(counts)}") from None
    if counts.shape != (len(labels), len(labels)) or counts.dtype.kind not in "iuf":
        raise ConfigError(
            f"counts: expected numbers ({len(labels)}, {len(labels)}) for {len(labels)} labels, got "
            f"{counts.dtype} {counts.shape}"
        )
    size = min(_MARGIN + _CELL * max(len(labels), 3), 16.0)
    figure = new_figure(size, size)
    axes = figure.subplots()
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # A dollar sign would start a formula.
    names = [
        (label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…").replace("$", r"\$")
        for label in labels
    ]
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", color=TEXT)
    axes.set_yticks(range(len(labels)), names, color=TEXT)
    axes.set_xlabel("predicted", color=TEXT)
    axes.set_ylabel("true", color=TEXT)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    if len(labels) <= _MOST_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else TEXT
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=8)
    figure.tight_layout()
    return figure
