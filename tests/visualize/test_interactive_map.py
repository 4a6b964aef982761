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
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
