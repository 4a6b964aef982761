"""Maps of words: what is drawn, as the renderer measures it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from elmokit.data.occurrences import Occurrence
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ElmokitError
from elmokit.visualize.figures import save_figure
from elmokit.visualize.interactive_map import draw_interactive, hover_text
from elmokit.visualize.layout import lay_out
from elmokit.visualize.palette import COLORS, OTHER, color_groups
from elmokit.visualize.plots import plot_occurrences
from elmokit.visualize.static_map import draw_static
from elmokit.visualize.word_map import WordMap, map_words

SENTENCES = [
    "Argentina played football very well",
    "Brazil is a strong team",
    "Artists all over the world are attending the play",
    "Child is playing the guitar",
    "There was absolute silence during the play",
]


@pytest.fixture(scope="module")
def embedder(golden):
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


def random_map(num_points: int, groups: list[str] | None = None) -> WordMap:
    generator = np.random.default_rng(num_points)
    letters = list("abcdefghijklmnopqrstuvwxyzWMgpq")
    words = ["".join(generator.choice(letters, size=generator.integers(1, 12))) for _ in range(num_points)]
    return WordMap(
        [Occurrence((word,), k, 0) for k, word in enumerate(words)],
        generator.normal(size=(num_points, 2)),
        words,
        groups,
        None,
        "a map",
    )


def labels_of(figure: Figure) -> list[Annotation]:
    (axes,) = figure.axes
    return [child for child in axes.get_children() if isinstance(child, Annotation)]


@pytest.mark.parametrize("num_points", [1, 30, pytest.param(3000, marks=pytest.mark.slow)])
def test_labels_do_not_overlap_and_stay_inside_and_large_enough_to_read(num_points):
    layout = lay_out(random_map(num_points))
    figure = draw_static(layout)
    figure.dpi = 200
    renderer = figure.canvas.get_renderer()
    (axes,) = figure.axes
    labels = labels_of(figure)
    assert len(labels) == len(layout.placements)
    assert len(labels) == num_points or num_points == 3000
    assert len(labels) > 400 or num_points < 3000
    boxes = np.array([label.get_window_extent(renderer).extents for label in labels])
    apart = (
        (boxes[:, None, 0] >= boxes[None, :, 2])
        | (boxes[:, None, 2] <= boxes[None, :, 0])
        | (boxes[:, None, 1] >= boxes[None, :, 3])
        | (boxes[:, None, 3] <= boxes[None, :, 1])
    )
    np.fill_diagonal(apart, True)
    assert apart.all()
    page = axes.get_window_extent(renderer).extents
    assert (boxes[:, :2] >= page[:2] - 1).all()
    assert (boxes[:, 2:] <= page[2:] + 1).all()
    assert min(label.get_fontsize() for label in labels) >= 7


def test_every_word_is_drawn_in_the_color_of_its_sentence(embedder):
    figure = plot_occurrences(embedder, SENTENCES, method="pca")
    (axes,) = figure.axes
    (points,) = axes.collections
    assert len(points.get_offsets()) == 31
    assert len({tuple(color) for color in points.get_facecolor()}) == len(SENTENCES)
    assert sorted(label.get_text() for label in labels_of(figure)) == sorted(" ".join(SENTENCES).split())
    assert [text.get_text() for text in figure.texts[:-1]] == SENTENCES
    assert re.fullmatch(r"first component, \d+% of the variance", axes.get_xlabel())
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_axes_of_tsne_mean_nothing_and_have_no_numbers(embedder):
    (axes,) = plot_occurrences(embedder, SENTENCES).axes
    assert (axes.get_xlabel(), axes.get_ylabel(), *axes.get_xticks(), *axes.get_yticks()) == ("", "")


def test_a_word_is_shown_with_what_stands_around_it(embedder):
    word_map = map_words(embedder, SENTENCES, words=["play"], method="pca")
    assert word_map.texts == ["… attending the play", "… during the play"]
    assert word_map.groups is None
    assert map_words(embedder, SENTENCES, words=["play", "is"], method="pca").groups == [
        "is",
        "play",
        "is",
        "play",
    ]


def test_labels_are_those_of_the_sentences(embedder):
    sentences, labels = [SENTENCES[2], "", SENTENCES[4]], ["noun", "none", "event"]
    word_map = map_words(embedder, sentences, words=["play"], method="pca", labels=labels)
    assert word_map.groups == ["noun", "event"]
    with pytest.raises(ConfigError, match="labels: expected one for each of 3 sentences, got 1"):
        map_words(embedder, sentences, labels=["noun"])
    with pytest.raises(ConfigError, match="no labels given"):
        map_words(embedder, sentences, color_by="label")


def test_arguments_are_checked(embedder):
    for arguments, message in (
        ({"layer": "all"}, "a map shows one layer"),
        ({"layer": 9}, "layers: expected all, top, average or 0 to 2, got 9"),
        ({"color_by": "size"}, "color_by: expected sentence, word or label, got 'size'"),
        ({"max_points": 0}, "max_points: expected at least 1"),
        ({"words": ["plays"]}, "none of the words occurs in the text: plays"),
    ):
        with pytest.raises(ElmokitError, match=message):
            map_words(embedder, SENTENCES, **arguments)
    with pytest.raises(ElmokitError, match="the single string"):
        map_words(embedder, SENTENCES[0])


def test_many_words_are_thinned_out_and_the_caption_says_so(embedder):
    word_map = map_words(embedder, SENTENCES, method="pca", max_points=20)
    assert len(word_map.occurrences) == 20
    assert word_map.caption == "PCA, top layer, 20 of 31 words"


def test_what_is_everywhere_is_not_labeled_over_and_over():
    word_map = random_map(40)
    word_map.texts[:] = ["the"] * 30 + word_map.texts[30:]
    order = word_map.by_importance
    assert order[:10] == [*range(30, 40)]
    assert len(order) == 18


NASTY = [
    "$x^2$",
    "\\alpha",
    "<script>alert(1)</script>",
    "tab\there",
    "new\nline",
    "\U0010fffd",
    "a" * 10_000,
]


def test_nothing_in_a_word_is_taken_for_markup(embedder, tmp_path):
    figure = plot_occurrences(embedder, [NASTY], method="pca")
    save_figure(figure, tmp_path / "map.svg")
    ElementTree.parse(tmp_path / "map.svg")
    assert sorted(label.get_text() for label in labels_of(figure)) == sorted(
        ["$x^2$", "\\alpha", "<script>alert(1)</script>", "tab□here", "new□line", "□", "a" * 39 + "…"]
    )
    interactive = draw_interactive(lay_out(map_words(embedder, [NASTY], method="pca")))
    save_figure(interactive, tmp_path / "map.html")
    assert "<script>alert(1)" not in (tmp_path / "map.html").read_text(encoding="utf-8")


def test_letters_are_joined_and_parted_as_their_script_has_it(embedder):
    """Arabic and Persian: ب beside ب is shaped otherwise than alone, and a joiner parts them again."""
    alone, joined, parted = "\u0628", "\u0628\u0628", "\u0628\u200c\u0628"
    figure = plot_occurrences(embedder, [[alone, joined, parted]], method="pca")
    figure.dpi = 1000
    widths = {label.get_text(): label.get_window_extent().width for label in labels_of(figure)}
    assert widths[joined] < 0.8 * widths[parted]
    assert widths[parted] == pytest.approx(2 * widths[alone], rel=0.05)


def test_hovering_tells_the_sentence_and_marks_the_word():
    assert hover_text(Occurrence(("a", "<b>", "c"), 0, 1)) == "a <b>&lt;b&gt;</b> c"
    long = hover_text(Occurrence(tuple(f"word{k}" for k in range(2000)), 0, 1000))
    assert "<b>word1000</b>" in long
    lines = long.split("<br>")
    assert len(lines) == 14
    assert (lines[0], lines[-1]) == ("…", "…")
    assert max(map(len, lines)) < 100


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_map_is_the_same_file(suffix, embedder, tmp_path):
    contents = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}{suffix}"
        save_figure(plot_occurrences(embedder, SENTENCES, method="pca"), path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_an_interactive_map_is_one_file_without_links(embedder, tmp_path):
    for name in ("one.html", "two.html"):
        save_figure(plot_occurrences(embedder, SENTENCES, method="pca", interactive=True), tmp_path / name)
    text = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text)


@pytest.mark.browser
def test_a_browser_shows_an_interactive_map_without_a_network(embedder, tmp_path, page):
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    sentences = [*SENTENCES, ["<script>document.title='taken'</script>", "&amp;"]]
    save_figure(plot_occurrences(embedder, sentences, method="pca", interactive=True), tmp_path / "map.html")
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector(".scatterlayer .point")
    assert page.locator(".scatterlayer .point").count() == 33
    assert "Argentina" in page.locator(".scatterlayer .textpoint").all_text_contents()
    assert page.locator(".legend .legendtext").count() == 6
    assert page.title() != "taken"
    box = page.locator(".scatterlayer .trace").first.locator(".point").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    hover = page.locator(".hoverlayer .hovertext")
    hover.wait_for()
    assert hover.text_content().startswith("Argentina played football")
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_the_largest_groups_have_colors_of_their_own():
    few = color_groups(["a", "b", "a", "c"])
    assert few == {"a": COLORS[0], "b": COLORS[1], "c": COLORS[2]}
    many = color_groups([f"g{k % 12}" for k in range(100)])
    assert list(many.values()).count(OTHER) == 12 - (len(COLORS) - 1)
    assert many["g3"] != OTHER
    layout = lay_out(random_map(100, [f"g{k % 12}" for k in range(100)]))
    assert layout.legend[-1] == ("6 others", OTHER)


def test_a_picture_of_no_known_kind_is_refused(embedder, tmp_path):
    with pytest.raises(
        ConfigError, match=r"map\.gif: unknown image format '\.gif': expected a name that ends in \.png"
    ):
        save_figure(draw_static(lay_out(random_map(3))), tmp_path / "map.gif")


def test_old_names_still_work():
    word_map = random_map(3)
    with pytest.warns(DeprecationWarning, match="use occurrences"):
        assert word_map.uses == word_map.occurrences
