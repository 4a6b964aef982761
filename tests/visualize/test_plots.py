"""Words that could be mistaken for markup, in both kinds of figures."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from elmokit.visualize.figures import save_figure
from elmokit.visualize.plots import plot_occurrences

NASTY = [
    "$x^2$",
    "\\alpha",
    "<script>alert(1)</script>",
    "tab\there",
    "new\nline",
    "\U0010fffd",
    "a" * 10_000,
]


def test_words_are_not_interpreted_as_markup(embedder, tmp_path, labels_of):
    figure = plot_occurrences(embedder, [NASTY], method="pca")
    save_figure(figure, tmp_path / "map.svg")
    ElementTree.parse(tmp_path / "map.svg")
    assert sorted(label.get_text() for label in labels_of(figure)) == sorted(
        ["$x^2$", "\\alpha", "<script>alert(1)</script>", "tab□here", "new□line", "□", "a" * 39 + "…"]
    )
    save_figure(plot_occurrences(embedder, [NASTY], method="pca", interactive=True), tmp_path / "map.html")
    assert "<script>alert(1)" not in (tmp_path / "map.html").read_text(encoding="utf-8")
