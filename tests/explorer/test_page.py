"""The explorer page in a real browser: typed in, clicked on, and compared with the answers in Python."""

from __future__ import annotations

import math
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from elmokit.embedder import ElmoEmbedder
from elmokit.explorer.app import make_app
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.mixing import layer_weights
from elmokit.explorer.page import EXAMPLE
from elmokit.explorer.server import listen, make_server
from elmokit.explorer.typed_text import displayed_word, read_typed
from elmokit.loading import load

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 60_000  # milliseconds: the machine may be busy
TEXT = "every American has the right to vote\nwe are on the right track"
SENTENCES = read_typed(TEXT).sentences
RIGHT, OTHER_RIGHT = 4, 11  # indices
THIRDS = [1 / 3, 1 / 3, 1 / 3]


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return Explorer(ElmoEmbedder(load("tiny-en")))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a page served by the command; Ctrl-C stops it after all tests."""
    command = [sys.executable, "-m", "elmokit", "explore", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().split()[0]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("stopped\n", "", 0)


def open_page(browser: Browser, url: str) -> tuple[Page, list[str]]:
    """Return the page, and a list that collects its errors."""
    errors: list[str] = []

    def check_host(request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1":
            errors.append(f"requests {request.url}")

    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.on("request", check_host)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(url)
    page.wait_for_selector("#map .points path")
    return page, errors


@pytest.fixture(scope="module")
def opened(browser, url) -> Iterator[tuple[Page, list[str]]]:
    page, errors = open_page(browser, url)
    yield page, errors
    page.close()


@pytest.fixture
def page(opened) -> Iterator[Page]:
    """The page with the text typed in; it must report no errors and contact no other machine."""
    page, errors = opened
    page.get_by_label("mix of layers").check()
    type_text(page, TEXT)
    yield page
    assert errors == []


def type_text(page: Page, text: str) -> None:
    """Type sentences and wait until they are shown with a selected word."""
    if page.input_value("#text") == text:
        return
    page.fill("#text", text)
    page.click("#show")
    words = [displayed_word(word) for sentence in read_typed(text).sentences for word in sentence]
    expect(tokens(page)).to_have_count(len(words), timeout=PATIENCE)
    expect(tokens(page)).to_have_text(words, timeout=PATIENCE)
    expect(points(page)).to_have_count(len(words), timeout=PATIENCE)
    expect(page.locator("#sentences [aria-pressed=true]")).to_have_count(1, timeout=PATIENCE)


def paste(page: Page, text: str) -> None:
    """Insert a long text at once; typing it would take a minute."""
    page.evaluate(
        """text => {
            const area = document.getElementById("text");
            Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, text);
            area.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        text,
    )


def tokens(page: Page) -> Locator:
    return page.locator("#sentences .token")


def points(page: Page) -> Locator:
    return page.locator("#map .points path")


def expect_heading(page: Page, word: str, number: int = 1) -> None:
    expect(page.locator("#word h2")).to_have_text(f"{number}{word}", timeout=PATIENCE)


def expect_map(page: Page, coordinates: np.ndarray) -> None:
    """Wait until the map shows these points, and check that they are drawn where they belong."""
    page.wait_for_function(
        """expected => {
            const { x, y } = document.querySelector("#map .js-plotly-plot").data[0];
            return expected.length === x.length
                && expected.every((point, k) => Math.hypot(point[0] - x[k], point[1] - y[k]) < 1e-4);
        }""",
        arg=coordinates.tolist(),
    )
    drawn = page.evaluate(
        """[...document.querySelectorAll("#map .points path")].map(path => {
            const { x, y, width, height } = path.getBoundingClientRect();
            return [x + width / 2, -(y + height / 2)];
        })"""
    )
    for axis in (0, 1):
        assert np.corrcoef(np.array(drawn)[:, axis], coordinates[:, axis])[0, 1] > 0.999


def rows(page: Page, kind: str) -> list[list[str]]:
    """The cells of a card's table."""
    return [
        [re.sub(r"\s+", " ", cell).strip() for cell in row.locator("td").all_inner_texts()]
        for row in page.locator(f"#word .{kind} tr").all()
    ]


def test_the_example_is_shown_with_a_selected_word(opened):
    page, errors = opened
    expect(tokens(page)).to_have_text(EXAMPLE.split(), timeout=PATIENCE)
    assert points(page).count() == len(EXAMPLE.split())
    expect_heading(page, "right", 6)
    assert page.locator("#map .textpoint text").count() > 25
    assert errors == []


def test_a_click_on_a_word_shows_its_neighbors_and_substitutes(page, explorer):
    tokens(page).nth(OTHER_RIGHT).click()
    expect_heading(page, "right", 2)
    assert tokens(page).nth(OTHER_RIGHT).get_attribute("aria-pressed") == "true"
    assert rows(page, "occurrences") == [
        [f"{similarity:.3f}", " ".join(occurrence.sentence)]
        for occurrence, similarity in explorer.neighbors(SENTENCES, OTHER_RIGHT, THIRDS)
    ]
    assert rows(page, "words") == [
        [f"{similarity:.3f}", word] for word, similarity in explorer.similar_words(SENTENCES, OTHER_RIGHT)
    ]
    found = explorer.substitutes(SENTENCES, OTHER_RIGHT)
    assert rows(page, "substitutes") == [
        [f"{math.exp(log_probability):.1%}", word]
        for word, log_probability in [*found.combined, *found.forward, *found.backward]
    ]


def test_a_click_on_a_neighbor_selects_it(page, explorer):
    tokens(page).nth(RIGHT).click()
    expect(tokens(page).nth(RIGHT)).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    expect_heading(page, "right")
    nearest = explorer.neighbors(SENTENCES, RIGHT, THIRDS)[0].occurrence
    page.locator("#word .occurrences button").first.click()
    expect_heading(page, nearest.word, nearest.sentence_index + 1)


def test_a_click_on_a_point_of_the_map_selects_its_word(page):
    for index, word, number in [(1, "American", 1), (12, "track", 2), (1, "American", 1)]:
        box = points(page).nth(index).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.locator("#map .hovertext")).to_contain_text(word, timeout=PATIENCE)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect_heading(page, word, number)
        tokens(page).nth(7).click()  # and back to the same point in between
        expect_heading(page, "we", 2)
    page.mouse.move(0, 0)


def test_words_can_be_selected_by_keyboard(page):
    tokens(page).nth(5).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect_heading(page, "vote")
    assert page.evaluate("document.activeElement.textContent") == "vote"  # where one can go on from
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect_heading(page, "to")


def test_sliders_mix_the_layers(page, explorer):
    expect_map(page, explorer.map(SENTENCES, layer_weights([0, 0, 0]).tolist(), "pca"))
    slider = page.get_by_role("group", name="weight of LSTM layer 1").get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    weights = layer_weights([0, 4, 0]).tolist()
    expect_map(page, explorer.map(SENTENCES, weights, "pca"))
    expect(page.locator(".slider output")).to_have_text([f"{weight:.1%}" for weight in weights])
    tokens(page).nth(RIGHT).click()
    expect_heading(page, "right")
    nearest = explorer.neighbors(SENTENCES, RIGHT, weights)
    assert [row[0] for row in rows(page, "occurrences")] == [
        f"{neighbor.similarity:.3f}" for neighbor in nearest
    ]
    slider.focus()
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    expect_map(page, explorer.map(SENTENCES, layer_weights([0, 0, 0]).tolist(), "pca"))


def test_every_layer_has_a_map_and_a_slider_switches_back_to_the_mix(page, explorer):
    for number, name in enumerate(["token layer", "LSTM layer 1", "LSTM layer 2"]):
        page.get_by_role("radio", name=name).check()
        weights = [float(number == other) for other in range(3)]
        expect_map(page, explorer.map(SENTENCES, weights, "pca"))
    expect(page.locator(".slider output")).to_have_text(["0.0%", "0.0%", "100.0%"])
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("mix of layers")).to_be_checked(timeout=PATIENCE)
    expect_map(page, explorer.map(SENTENCES, layer_weights([0.1, 0, 0]).tolist(), "pca"))
    page.keyboard.press("ArrowLeft")
    expect_map(page, explorer.map(SENTENCES, layer_weights([0, 0, 0]).tolist(), "pca"))


def test_the_map_can_use_t_sne(page, explorer):
    page.get_by_label("t-SNE").check()
    expect_map(page, explorer.map(SENTENCES, layer_weights([0, 0, 0]).tolist(), "tsne"))
    page.get_by_label("PCA").check()
    expect_map(page, explorer.map(SENTENCES, layer_weights([0, 0, 0]).tolist(), "pca"))


ALPHAS = """[...document.querySelectorAll("#sentences .token")].map(token =>
    (getComputedStyle(token).backgroundColor.match(/[\\d.]+/g).slice(3)[0] ?? 1) / 0.75)"""


def test_surprisal_colors_the_words_by_direction(page, explorer):
    surprisal = explorer.explore(SENTENCES).surprisal
    worst = math.log(len(explorer.embedder.pretrained.vocabulary))
    for name, direction in [
        ("given left context", "forward"),
        ("given right context", "backward"),
        ("average", "mean"),
    ]:
        page.get_by_label(name, exact=True).check()
        expected = np.minimum(surprisal[direction] / worst, 1)
        page.wait_for_function(
            f"expected => {{ const alphas = {ALPHAS};"
            "return expected.every((alpha, k) => Math.abs(alpha - alphas[k]) < 0.01); }",
            arg=expected.tolist(),
        )
    assert np.abs(surprisal["forward"] - surprisal["backward"]).max() > 1
    tooltip = tokens(page).nth(RIGHT).get_attribute("title")
    assert tooltip.splitlines()[0] == f"{surprisal['forward'][RIGHT]:.2f} nats given the left context"
    assert tooltip.splitlines()[2] == f"{surprisal['mean'][RIGHT]:.2f} nats on average"
    assert f"{worst:.1f}" in page.locator("#scale").inner_text()


def test_words_outside_the_vocabulary_are_marked(page):
    type_text(page, "we are zzxqy")
    expect(page.locator("#sentences .unknown")).to_have_text(["zzxqy"])
    tokens(page).nth(2).click()
    expect_heading(page, "zzxqy")
    assert "not in the vocabulary" in page.locator("#word header").inner_text()


BAD = [
    "x" * 10_000 + " word",
    "👩‍🚀 🇧🇷 😀 naïve 我爱北京",
    "שלום עולם\nمرحبا بالعالم",
    "<b>bold</b> <img src=x onerror=alert(1)> &amp; <script>alert(1)</script>",
    "<S> </S> <UNK> $x^2$ \"quoted\" 'so' \\",
    "a\u200bb e" + "\u0301" * 300,
    "one",
]


def test_unusual_text_is_shown_as_text(page):
    message = page.locator("#message")
    for text in BAD:
        type_text(page, text)
        expect(message).to_have_text("")
        tokens(page).last.click()
        expect(tokens(page).last).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    assert page.evaluate("document.querySelectorAll('#react-entry-point :is(img, script)').length") == 0
    for text in ("", " \n\t "):
        page.fill("#text", text)
        page.click("#show")
        expect(message).to_have_text("Type a sentence first: the text has no words.", timeout=PATIENCE)
        expect(tokens(page)).to_have_text(["one"])  # what was there stays
    type_text(page, TEXT)
    expect(message).to_have_text("")


def test_a_long_text_is_cut(page):
    paste(page, "the right to vote\n" * 5000)
    page.click("#show")
    expect(page.locator("#message")).to_have_text(
        "Only the first 400 of 20,000 tokens are shown.", timeout=PATIENCE
    )
    expect(tokens(page)).to_have_count(400, timeout=PATIENCE)
    expect(points(page)).to_have_count(400, timeout=PATIENCE)


def test_after_many_fast_clicks_the_last_one_counts(page):
    page.evaluate("""() => {
        const tokens = [...document.querySelectorAll("#sentences .token")];
        for (let k = 0; k < 60; k++) tokens[k % tokens.length].click();
        document.getElementById("show").click();
        document.getElementById("show").click();
        tokens[12].click();
    }""")
    expect(page.locator("#word table").first).to_be_visible()
    tokens(page).nth(12).click()
    expect_heading(page, "track", 2)
    expect(page.locator("#message")).to_have_text("")


CONTRASTS = """() => {
    const channels = color => {
        const found = color.match(/[\\d.]+/g).map(Number);
        return [found.slice(0, 3), found[3] ?? 1];
    };
    const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = rgb => rgb.reduce(
        (sum, v, k) => sum + linear(v / 255) * [0.2126, 0.7152, 0.0722][k], 0);
    const [card] = channels(getComputedStyle(document.querySelector(".card")).backgroundColor);
    const texts = ".token, .hint, h3, .slider, .occurrences button, td, button.primary";
    return [...document.querySelectorAll(texts)]
        .map(element => {
            const style = getComputedStyle(element), [own, alpha] = channels(style.backgroundColor);
            const ground = light(own.map((v, k) => alpha * v + (1 - alpha) * card[k]));
            const text = light(channels(style.color)[0]);
            return (Math.max(ground, text) + 0.05) / (Math.min(ground, text) + 0.05);
        });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(page, scheme):
    page.emulate_media(color_scheme=scheme)
    type_text(page, "zounds bamboozled quizzically !\n" + TEXT)  # the strongest colors
    expect(page.locator("#word table").first).to_be_visible()
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 50
    assert min(contrasts) > 4.5
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_overflows_the_page(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    type_text(page, TEXT + "\n" + "x" * 10_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.wait_for_function(
        """() => {
            const map = document.getElementById("map").getBoundingClientRect();
            return [...document.querySelectorAll("#map .textpoint text")].every(text => {
                const { left, right } = text.getBoundingClientRect();
                return left > map.left - 2 && right < map.right + 2;
            });
        }"""
    )
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_model_without_a_softmax_says_why_surprisal_is_missing(browser, golden):
    explorer = Explorer(ElmoEmbedder.load(golden / "infer_models" / "no_clips"))
    with listen(0) as listener:
        server = make_server(make_app(explorer), listener)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        page, errors = open_page(browser, f"http://127.0.0.1:{server.port}/")
        type_text(page, TEXT)
        tokens(page).nth(RIGHT).click()
        expect_heading(page, "right")
        assert len(rows(page, "occurrences")) == len(rows(page, "words")) == 10
        assert page.locator("#word .substitutes p").inner_text() == explorer.language_model_error
        assert explorer.language_model_error in page.locator("section.text").inner_text()
        assert errors == []
        page.close()
        server.shutdown()
        thread.join()
