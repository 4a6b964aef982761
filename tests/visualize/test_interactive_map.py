"""Maps of the words of a text as interactive pages."""

from __future__ import annotations

import html
import math

import numpy as np
import pytest
from playwright.sync_api import expect

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.language_model import LanguageModel
from elmokit.visualize.figures import save_figure
from elmokit.visualize.interactive_map import map_data
from elmokit.visualize.plots import plot_occurrences
from elmokit.visualize.word_map import map_words


def test_the_page_has_what_the_map_has(embedder, sentences):
    text = ["", *sentences]
    word_map = map_words(
        embedder, text, words=["play", "the"], method="pca", every_layer=True, text_name="a.txt"
    )
    data = map_data(word_map)
    assert data.title == "“play”, “the” in a.txt · no_clips"
    assert data.file_name.startswith("play-the-in-a.txt-")
    assert data.caption.startswith("PCA, top layer, seed 0 · first component, ")
    words = [data.sentences[sentence][position] for sentence, position in data.occurrences]
    assert words == [occurrence.word for occurrence in word_map.occurrences]
    assert data.sentence_numbers == [
        4,
        5,
        6,
    ]  # in the text, from 1
    assert [layer.name for layer in data.layers] == ["token layer", "LSTM layer 1", "LSTM layer 2"]
    assert [(group.name, group.count) for group in data.groups] == [("the", 4), ("play", 2)]
    assert [data.groups[k].name for k in data.group_of] == words
    assert data.context_words == 2


def test_small_groups_share_the_last_entry(embedder):
    text = [[f"word{k}", "x"] for k in range(25)] + [["x"]]
    data = map_data(map_words(embedder, text, color_by="word", method="pca", every_layer=True))
    assert len(data.groups) == 21
    assert len({(group.color, group.shape) for group in data.groups}) == 21
    assert (data.groups[-1].name, data.groups[-1].count, data.groups[-1].color) == ("6 others", 6, -1)
    assert sum(group.count for group in data.groups) == len(data.group_of)


def test_a_point_has_the_substitutes_of_the_language_model(sentences):
    embedder = ElmoEmbedder.load("tiny-en")
    data = map_data(map_words(embedder, sentences, words=["play"], method="pca", every_layer=True))
    language_model = LanguageModel(embedder.pretrained)
    for point, (sentence, position) in enumerate(data.occurrences):
        expected = language_model.substitutes(data.sentences[sentence], int(position), 6).combined
        words = [data.substitutes.words[k] for k in data.substitutes.of[point]]
        assert words == [candidate.word for candidate in expected]
        shares = [math.exp(candidate.log_probability) for candidate in expected]
        np.testing.assert_allclose(data.substitutes.shares[point], shares, rtol=1e-4)


def test_a_model_without_softmax_has_no_substitutes(embedder, sentences):
    data = map_data(map_words(embedder, sentences, method="pca", every_layer=True))
    assert data.substitutes is None


def test_senses_have_their_most_central_sentence(embedder):
    text = [["they", "vote", "right"]] * 8 + [["turn", "x", "y", "right"]] * 8
    word_map = map_words(embedder, text, words=["right"], method="pca", every_layer=True)
    data = map_data(word_map)
    assert data.named_on_map
    for number, group in enumerate(data.groups):
        assert data.group_of[group.central] == number


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(embedder, sentences):
    figure = plot_occurrences(embedder, [*sentences, ["<script>", '"']], method="pca", interactive=True)
    shown = figure._repr_html_()
    assert html.escape(figure.page) in shown
    assert 'sandbox="allow-scripts allow-downloads"' in shown
    assert "<script" not in shown


@pytest.mark.browser
def test_a_notebook_frame_works(embedder, page, sentences):
    figure = plot_occurrences(embedder, sentences, method="pca", interactive=True)
    page.set_content(f"<!doctype html><title>notebook</title>{figure._repr_html_()}")
    frame = page.frame_locator("iframe")
    frame.locator("[data-ready]").wait_for(state="attached")
    frame.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    expect(frame.locator("#details h2")).to_have_text("Argentina")


def test_a_map_is_saved_as_a_page_and_a_figure_as_a_picture(embedder, tmp_path, sentences):
    figure = plot_occurrences(embedder, sentences, method="pca", interactive=True)
    for name in ("one.html", "two.html"):
        save_figure(figure, tmp_path / name)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    with pytest.raises(ConfigError, match=r"one\.png: expected a Matplotlib figure .*, got InteractiveMap"):
        save_figure(figure, tmp_path / "one.png")
    with pytest.raises(ConfigError, match=r"three\.html: expected an interactive map"):
        save_figure(plot_occurrences(embedder, sentences, method="pca"), tmp_path / "three.html")


def test_the_layer_that_is_asked_for_is_shown_first(embedder, sentences):
    for layer, start, number in (("top", 2, 3), (0, 0, 3), (-2, 1, 3), ("average", 3, 4)):
        word_map = map_words(embedder, sentences, layer=layer, method="pca", every_layer=True)
        assert (word_map.start, len(word_map.layers)) == (start, number)
        alone = map_words(embedder, sentences, layer=layer, method="pca")
        np.testing.assert_array_equal(word_map.coordinates, alone.coordinates)
        shown = word_map.layers[start].coordinates
        centered = alone.coordinates - alone.coordinates.mean(axis=0)
        np.testing.assert_allclose(shown, centered / np.sqrt((centered**2).sum(axis=1).mean()), atol=1e-9)
