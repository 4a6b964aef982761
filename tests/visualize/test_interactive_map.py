"""Maps drawn with Plotly."""

from __future__ import annotations

import re

import pytest

from elmokit.data.occurrences import Occurrence
from elmokit.visualize.figures import save_figure
from elmokit.visualize.interactive_map import hover_text
from elmokit.visualize.plots import plot_occurrences


def test_hovering_shows_the_sentence_with_the_word_in_bold():
    assert hover_text(Occurrence(("a", "<b>", "c"), 0, 1)) == "a <b>&lt;b&gt;</b> c"
    long = hover_text(Occurrence(tuple(f"word{k}" for k in range(2000)), 0, 1000))
    assert "<b>word1000</b>" in long
    lines = long.split("<br>")
    assert len(lines) == 14
    assert (lines[0], lines[-1]) == ("…", "…")
    assert max(map(len, lines)) < 100


def test_an_interactive_map_is_a_standalone_file(embedder, tmp_path, sentences):
    for name in ("one.html", "two.html"):
        save_figure(plot_occurrences(embedder, sentences, method="pca", interactive=True), tmp_path / name)
    text = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text)


@pytest.mark.browser
def test_a_browser_shows_an_interactive_map_without_a_network(embedder, tmp_path, page, sentences):
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    sentences = [*sentences, ["<script>document.title='taken'</script>", "&amp;"]]
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
    # No button offers to send the text anywhere, and the page is not allowed to.
    titles = [button.get_attribute("data-title") or "" for button in page.locator(".modebar-btn").all()]
    assert titles
    assert not [title for title in titles if re.search("share|cloud|edit|upload", title, re.IGNORECASE)]
    blocked = page.evaluate("fetch('https://example.com').then(() => 'sent', () => 'blocked')")
    assert blocked == "blocked"
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


PUNCTUATION = [chr(code) for code in range(33, 127) if not chr(code).isalnum()]
HOSTILE = ["&quot;", "&amp;lt;", "<b>bold</b>", "<i", "a<br>b", "$x^2$", "&#34;", "'\"`", "&nu;", "{{7*7}}"]


@pytest.mark.browser
def test_every_token_is_shown_as_it_is(embedder, tmp_path, page):
    """The labels, the legend and the sentence of a point."""
    sentences = [[token, "play", "now"] for token in (*PUNCTUATION, *HOSTILE)]
    words = [*PUNCTUATION, *HOSTILE]
    figure = plot_occurrences(embedder, sentences, method="pca", words=words, interactive=True)
    save_figure(figure, tmp_path / "map.html")
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector(".scatterlayer .point")
    shown = page.evaluate("document.getElementById('elmokit').data.map(trace => trace.hovertext).flat()")
    assert len(shown) == len(sentences)
    labels = set(page.locator(".scatterlayer .textpoint").all_text_contents())
    assert labels
    assert labels <= {f"{token} play now" for token in (*PUNCTUATION, *HOSTILE)}
    point = page.locator(".scatterlayer .point").first.bounding_box()
    page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    hover = page.locator(".hoverlayer .hovertext")
    hover.wait_for()
    assert hover.text_content() in {f"{token} play now" for token in (*PUNCTUATION, *HOSTILE)}
