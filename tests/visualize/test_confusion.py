import numpy as np

from elmokit.visualize.confusion import plot_confusion
from elmokit.visualize.figures import save_figure


def test_each_cell_has_its_number(tmp_path):
    figure = plot_confusion(["neg", "a $ label that is very long"], np.array([[3, 1], [0, 1200]]))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0", "1,200"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["neg", r"a \$ label that is…"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    save_figure(figure, tmp_path / "confusion.png")
    save_figure(plot_confusion(["one"], np.zeros((1, 1), int)), tmp_path / "one.svg")


def test_many_labels_have_no_numbers():
    figure = plot_confusion([f"label {k}" for k in range(60)], np.eye(60, dtype=int))
    assert not figure.axes[0].texts
    assert max(figure.get_size_inches()) <= 16
