"""The pictures of a comparison show its figures."""

from __future__ import annotations

import pytest

from elmokit.downstream.comparison.metrics import METRICS
from elmokit.downstream.comparison.summary import Comparison, Row
from elmokit.errors import ElmokitError
from elmokit.visualize.comparison_plots import plot_learning_curves, plot_mixing_weights, plot_scores


def row(system: str, size: int, score: float, half: float | None) -> Row:
    low, high = (None, None) if half is None else (score - half, score + half)
    return Row(system, size, 3, score, low, high, score, 1.0, 1.0, None, 5, {}, {})


@pytest.fixture
def comparison() -> Comparison:
    rows = [row("elmo:small", 10, 0.5, 0.1), row("elmo:small", 900, 0.8, 0.01)]
    rows += [row("random", 10, 0.4, None), row("random", 900, 0.6, 0.02)]
    return Comparison("Reviews", METRICS["accuracy"], 200, 1, tuple(rows), ())


def test_scores_are_points_with_their_intervals(comparison):
    (axes,) = plot_scores(comparison).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["elmo:small", "random"]
    bars = [list(line.get_xdata()) for line in axes.lines]
    assert bars[0] == pytest.approx([0.79, 0.81])
    assert bars[1] == [0.8]
    assert axes.get_xlabel() == "accuracy on 200 test items"


def test_learning_curves(comparison):
    (axes,) = plot_learning_curves(comparison).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["elmo:small", "random"]
    assert list(axes.lines[0].get_ydata()) == [0.5, 0.8]
    with pytest.raises(ElmokitError, match="a learning curve needs several numbers of training examples"):
        plot_learning_curves(
            Comparison("Reviews", METRICS["accuracy"], 200, 1, comparison.rows[1:2], comparison.pairs)
        )


def test_mixing_weights_of_models_of_different_depth():
    (axes,) = plot_mixing_weights({"POS": [0.1, 0.7, 0.2], "sense": [0.6, 0.4]}).axes
    assert [patch.get_width() for patch in axes.patches] == pytest.approx([0.1, 0.6, 0.7, 0.4, 0.2])
    assert [text.get_text() for text in axes.texts] == ["0.10", "0.60", "0.70", "0.40", "0.20"]
    with pytest.raises(ElmokitError, match="no mixing weights"):
        plot_mixing_weights({})
