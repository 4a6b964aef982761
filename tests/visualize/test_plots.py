"""Words that could be mistaken for markup, in both kinds of figures."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from elmokit.visualize.figures import save_figure
from elmokit.visualize.interactive_map import draw_interactive
from elmokit.visualize.layout import lay_out
from elmokit.visualize.plots import plot_occurrences
from elmokit.visualize.word_map import map_words

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
    interactive = draw_interactive(lay_out(map_words(embedder, [NASTY], method="pca")))
    save_figure(interactive, tmp_path / "map.html")
    assert "<script>alert(1)" not in (tmp_path / "map.html").read_text(encoding="utf-8")
