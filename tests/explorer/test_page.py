"""The explorer page in a real browser: typed in, clicked on, and compared with the answers in Python."""

from __future__ import annotations

import math
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from elmokit.embedder import ElmoEmbedder
from elmokit.explorer.answers import EXAMPLE, Answers
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.listening import listen
from elmokit.explorer.mixing import layer_weights
from elmokit.explorer.movement import moved_words
from elmokit.explorer.server import PageServer
from elmokit.explorer.typed_text import read_typed
from elmokit.loading import load

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 60_000  # milliseconds: the machine may be busy
TEXT = "every American has the right to vote\nwe are on the right track"
SENTENCES = read_typed(TEXT).sentences
RIGHT, OTHER_RIGHT = 4, 11  # indices
TOP = [0.0, 0.0, 1.0]


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
    page.wait_for_selector("[data-ready]")
    expect(page.locator("#sentences [aria-pressed=true]")).to_have_count(1, timeout=PATIENCE)
    return page, errors


@pytest.fixture(scope="module")
def opened(browser, url) -> Iterator[tuple[Page, list[str]]]:
    page, errors = open_page(browser, f"{url}#split=0")
    yield page, errors
    page.close()


@pytest.fixture
def page(opened) -> Iterator[Page]:
    """The page with the text typed in; it must report no errors and contact no other machine."""
    page, errors = opened
    type_text(page, TEXT)
    show_layer(page, 2)
    yield page
    assert errors == []


def shown(word: str) -> str:
    """A word as the page shows it: of limited length, invisible characters marked."""
    cut = word if len(word) <= 40 else word[:39] + "…"
    return re.sub("[\0-\x1f\x7f-\x9f]", "\ufffd", cut)


def type_text(page: Page, text: str) -> None:
    """Type sentences and wait until they are shown with a selected word."""
    words = [shown(word) for sentence in read_typed(text).sentences for word in sentence]
    if page.input_value("#text") != text:
        page.fill("#text", text)
        page.click("#show")
    expect(tokens(page)).to_have_count(len(words), timeout=PATIENCE)
    expect(tokens(page)).to_have_text(words, timeout=PATIENCE)
    until(page, f"{MAP}.map.size === {len(words)}")
    expect(page.locator("#sentences [aria-pressed=true]")).to_have_count(1, timeout=PATIENCE)


MAP = "document.querySelector('#map canvas').wordMap"


def until(page: Page, condition: str) -> None:
    """Wait until a condition holds; the page's policy forbids Playwright's own function for that."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.03)


def show_layer(page: Page, number: int) -> None:
    """Glide to a layer with the keyboard."""
    slider = page.get_by_role("slider", name="Layer", exact=True)
    slider.press("Home" if number == 0 else "End")
    until(page, f"{MAP}.layer === {0 if number == 0 else 2}")
    if number == 1:
        slider.press("ArrowLeft")
        until(page, f"{MAP}.layer === 1")


def tokens(page: Page) -> Locator:
    return page.locator("#sentences .token")


def expect_heading(page: Page, word: str, number: int = 1) -> None:
    expect(page.locator("#word h2")).to_have_text(f"{number}{word}", timeout=PATIENCE)


def expect_map(page: Page, coordinates: np.ndarray) -> None:
    """Wait until the map shows these points, and check that they are drawn where they belong."""
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        positions = np.array(page.evaluate(f"[...{MAP}.positions]")).reshape(-1, 2)
        if positions.shape == coordinates.shape and np.allclose(positions, coordinates, atol=1e-4):
            break
        assert time.monotonic() < deadline, "the map shows other points"
        time.sleep(0.05)
    drawn = page.evaluate(f"{MAP}.drawNow(), [[...{MAP}.xs], [...{MAP}.ys].map(y => -y)]")
    for axis in (0, 1):
        assert np.corrcoef(np.array(drawn)[axis], coordinates[:, axis])[0, 1] > 0.999


def rows(page: Page, kind: str) -> list[list[str]]:
    """The cells of a card's table, when the server has answered."""
    expect(page.locator("#word[aria-busy=false] .card").first).to_be_visible(timeout=PATIENCE)
    return [
        [re.sub(r"\s+", " ", cell).strip() for cell in row.locator("td").all_inner_texts()]
        for row in page.locator(f"#word .{kind} tr").all()
    ]


def test_the_example_is_shown_with_a_selected_word(opened):
    page, errors = opened
    expect(tokens(page)).to_have_text(EXAMPLE.split(), timeout=PATIENCE)
    expect_heading(page, "right", 6)
    until(page, f"{MAP}.map?.size === {len(EXAMPLE.split())}")
    page.evaluate(f"{MAP}.drawNow()")
    assert page.evaluate(f"{MAP}.scene.labels.length") > 20
    assert errors == []


def test_a_click_on_a_word_shows_its_neighbors_and_substitutes(page, explorer):
    tokens(page).nth(OTHER_RIGHT).click()
    expect_heading(page, "right", 2)
    assert tokens(page).nth(OTHER_RIGHT).get_attribute("aria-pressed") == "true"
    assert rows(page, "occurrences") == [
        [f"{similarity:.3f}", " ".join(occurrence.sentence)]
        for occurrence, similarity in explorer.neighbors(SENTENCES, OTHER_RIGHT, TOP)
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
    nearest = explorer.neighbors(SENTENCES, RIGHT, TOP)[0].occurrence
    page.locator("#word .occurrences button").first.click()
    expect_heading(page, nearest.word, nearest.sentence_index + 1)


def test_a_click_on_a_point_of_the_map_selects_its_word(page):
    box = page.locator("#map canvas").bounding_box()
    for index, word, number in [(1, "American", 1), (12, "track", 2), (1, "American", 1)]:
        page.evaluate(f"{MAP}.drawNow()")
        x, y = page.evaluate(f"[{MAP}.xs[{index}], {MAP}.ys[{index}]]")
        page.mouse.move(box["x"] + x, box["y"] + y)
        expect(page.locator("#map .tip b")).to_have_text(word, timeout=PATIENCE)
        page.mouse.click(box["x"] + x, box["y"] + y)
        expect_heading(page, word, number)
        tokens(page).nth(7).click()  # and back to the same point in between
        expect_heading(page, "we", 2)
    page.mouse.move(0, 0)


def test_points_can_be_selected_by_keyboard(page):
    tokens(page).nth(3).click()
    page.locator("#map canvas").focus()
    page.keyboard.press("PageDown")
    expect_heading(page, "right")
    page.keyboard.press("Home")
    expect_heading(page, "every")


def test_words_can_be_selected_by_keyboard(page):
    tokens(page).nth(5).click()
    expect_heading(page, "to")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect_heading(page, "vote")
    assert page.evaluate("document.activeElement.textContent") == "vote"  # where one can go on from
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect_heading(page, "to")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "we"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "track"
    assert page.locator("#sentences .token[tabindex='0']").count() == 1  # all words are one tab stop


def test_every_control_is_a_few_tabs_away(page):
    page.locator("#text").focus()
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"show", "tokenize", "play"} <= set(reached)
    assert any("token" in name for name in reached)
    page.evaluate("document.activeElement.blur(); document.body.focus()")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "word"


def test_sliders_mix_the_layers(page, explorer):
    if not page.locator(".foot details").evaluate("details => details.open"):
        page.get_by_text("mix of layers").click()
    slider = page.get_by_role("slider", name="weight of LSTM layer 1")
    slider.focus()
    page.keyboard.press("End")
    weights = layer_weights([0, 4, 0]).tolist()
    expect_map(page, explorer.map(SENTENCES, weights, "pca"))
    written = [f"{weight:.1%}" for weight in weights]
    expect(page.locator(".slider output")).to_have_text(written)
    expect(slider).to_have_attribute("aria-valuetext", written[1])
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


def test_every_layer_has_a_map(page, explorer):
    for number, name in enumerate(["token layer", "LSTM layer 1", "LSTM layer 2"]):
        show_layer(page, number)
        expect(page.locator(".layers output")).to_have_text(name)
        weights = [float(number == other) for other in range(3)]
        expect_map(page, explorer.map(SENTENCES, weights, "pca"))
        tokens(page).nth(RIGHT).click()
        expect_heading(page, "right")
        nearest = explorer.neighbors(SENTENCES, RIGHT, weights)
        expect(page.locator("#word .occurrences .length")).to_have_text(
            [f"{neighbor.similarity:.3f}" for neighbor in nearest], timeout=PATIENCE
        )


def test_the_map_can_use_t_sne(page, explorer):
    page.get_by_label("t-SNE").check()
    expect_map(page, explorer.map(SENTENCES, TOP, "tsne"))
    page.get_by_label("PCA").check()
    expect_map(page, explorer.map(SENTENCES, TOP, "pca"))


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
        near = "(alpha, k) => Math.abs(alpha - alphas[k]) < 0.01"
        until(page, f"(alphas => {expected.tolist()}.every({near}))({ALPHAS})")
    assert np.abs(surprisal["forward"] - surprisal["backward"]).max() > 1
    tooltip = tokens(page).nth(RIGHT).get_attribute("title").splitlines()
    bits = {direction: values[RIGHT] / math.log(2) for direction, values in surprisal.items()}
    assert tooltip[0].startswith(f"{bits['mean']:.1f} bits (1 in ")
    assert (
        tooltip[1]
        == f"{bits['forward']:.1f} bits (1 in {round(2 ** bits['forward']):,}) given the left context"
    )
    assert f"{worst / math.log(2):.0f} bits: like a guess among" in page.locator("#scale").inner_text()


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
    assert page.evaluate("document.querySelectorAll('.page :is(img, script)').length") == 0
    for text in ("", " \n\t "):
        page.fill("#text", text)
        page.click("#show")
        expect(message).to_have_text("Type a sentence first: the text has no words.", timeout=PATIENCE)
        expect(tokens(page)).to_have_text(["one"])  # what was there stays
    type_text(page, TEXT)
    expect(message).to_have_text("")


def test_a_long_text_is_cut(page):
    # Inserted at once; typing it would take a minute.
    page.evaluate("text => { document.getElementById('text').value = text; }", "the right to vote\n" * 5000)
    page.click("#show")
    expect(page.locator("#message")).to_have_text(
        "Only the first 400 of 20,000 tokens are shown.", timeout=PATIENCE
    )
    expect(tokens(page)).to_have_count(400, timeout=PATIENCE)
    until(page, f"{MAP}.map.size === 400")
    assert page.evaluate("location.hash.length") < 10_000
    page.reload()
    expect(tokens(page)).to_have_count(400, timeout=PATIENCE)  # the browser keeps a long text


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
    const texts = ".token:not(.unknown), .hint, h3, .slider, .occurrences button, td, button.primary";
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
    until(page, f"{MAP}.drawNow(), {MAP}.scene.labels.every(({{ x }}) => x > 0 && x < {MAP}.view.width)")
    page.set_viewport_size({"width": 1280, "height": 900})


@contextmanager
def serving(*explorers: Explorer, names: tuple[str, ...] = ()) -> Iterator[str]:
    """Serve a page in this process, and yield its URL."""
    with listen(0) as listener:
        server = PageServer(Answers(explorers, names), listener)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.port}/"
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_model_without_a_softmax_says_why_surprisal_is_missing(browser, golden):
    explorer = Explorer(ElmoEmbedder.load(golden / "infer_models" / "no_clips"))
    with serving(explorer) as url:
        page, errors = open_page(browser, url)
        type_text(page, TEXT)
        tokens(page).nth(RIGHT).click()
        expect_heading(page, "right")
        expect(page.locator("#word .occurrences tr")).to_have_count(10, timeout=PATIENCE)
        assert len(rows(page, "occurrences")) == len(rows(page, "words")) == 10
        assert page.locator("#word .substitutes p").inner_text() == explorer.language_model_error
        assert explorer.language_model_error in page.locator("section.input").inner_text()
        assert errors == []
        page.close()


def test_the_address_keeps_everything(page, browser):
    tokens(page).nth(OTHER_RIGHT).click()
    expect_heading(page, "right", 2)
    show_layer(page, 0)
    page.get_by_label("given left context").check()
    page.get_by_label("t-SNE").check()
    expect(page).to_have_url(re.compile(r"text=every\+.*word=11.*layer=0.*method=tsne.*direction=forward"))
    address = page.url
    page.reload()
    expect_heading(page, "right", 2)
    assert page.get_by_label("given left context").is_checked()
    assert page.get_by_label("t-SNE").is_checked()
    expect(page.locator(".layers output")).to_have_text("token layer")
    tokens(page).nth(0).click()
    expect_heading(page, "every")
    page.go_back()
    expect_heading(page, "right", 2)
    other, errors = open_page(browser, address)
    expect_heading(other, "right", 2)
    assert other.input_value("#text") == TEXT
    assert errors == []
    other.close()
    page.get_by_label("PCA").check()
    page.get_by_label("average", exact=True).check()


def test_typing_and_control_enter(page):
    page.fill("#text", "we vote")
    expect(tokens(page)).to_have_text(["we", "vote"], timeout=PATIENCE)  # without a click
    page.locator("#text").press("Control+End")
    page.keyboard.type(" right")
    page.keyboard.press("Control+Enter")
    expect(tokens(page)).to_have_text(["we", "vote", "right"], timeout=PATIENCE)
    assert page.input_value("#text") == "we vote right"


def test_raw_text_is_split_and_the_page_says_so(browser, url):
    page, errors = open_page(browser, url)
    page.fill("#text", "Do they really vote (the right way)?")
    split = ["Do", "they", "really", "vote", "(", "the", "right", "way", ")", "?"]
    expect(tokens(page)).to_have_text(split, timeout=PATIENCE)
    expect(page.locator("#message")).to_contain_text("punctuation was split from words")
    assert page.get_by_label("split punctuation").is_checked()
    page.get_by_label("split punctuation").uncheck()
    expect(tokens(page)).to_have_text(
        ["Do", "they", "really", "vote", "(the", "right", "way)?"], timeout=PATIENCE
    )
    assert errors == []
    page.close()


def test_the_map_is_saved_as_one_file(page, browser, tmp_path):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as one file").click()
    path = tmp_path / "saved.html"
    download.value.save_as(path)
    saved = browser.new_page()
    saved.goto(path.as_uri())
    saved.wait_for_selector("[data-ready]")
    saved.locator("canvas").focus()
    saved.keyboard.press("Home")
    expect(saved.locator("#details h2")).to_have_text("every")
    saved.close()


def test_pictures_and_table(page, tmp_path):
    tokens(page).nth(RIGHT).click()
    expect_heading(page, "right")
    files = {}
    for kind in ("PNG", "SVG"):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind).click()
        files[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    assert files["elmokit-map.png"].startswith(b"\x89PNG")
    assert b"Words in context \xc2\xb7 tiny-en</title>" in files["elmokit-map.svg"]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy table").click()
    expect(page.locator("#status")).to_have_text("Copied 13 words.")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["word", *TEXT.split()]


def test_the_map_is_zoomed_with_buttons(page):
    page.get_by_role("button", name="Zoom in").click()
    assert page.evaluate(f"{MAP}.view.zoom") == pytest.approx(1.5)
    page.get_by_role("button", name="Show everything").click()
    assert page.evaluate(f"{MAP}.view.zoom") == 1


def test_a_word_that_is_selected_before_the_map_is_drawn_moves_nothing(page):
    middle = page.evaluate(f"""() => {{
        const map = {MAP}, center = [map.view.x, map.view.y];
        map.show(map.map); // which makes room for pixels, and draws in the next frame
        map.select(3, {{ reveal: true }});
        return [...center, map.view.x, map.view.y];
    }}""")
    assert middle[:2] == middle[2:]


def test_two_texts_are_compared(page, explorer, browser, tmp_path):
    first, second = "every American has the right to vote\nit is our right", "turn right now\nright away"
    page.fill("#text", first)
    page.get_by_text("Compare with a second text").click()
    page.fill("#second", second)
    sentences = read_typed(f"{first}\n{second}").sentences
    words = [word for sentence in sentences for word in sentence]
    expect(tokens(page)).to_have_text(words, timeout=PATIENCE)
    own = [k for k, word in enumerate(words) if word == "right"]
    tokens(page).nth(own[0]).click()
    tables = page.locator(".texts table")
    layers = explorer.explore(sentences).layers[2]
    units = layers / np.linalg.norm(layers, axis=1, keepdims=True)
    similarity = units[own] @ units[own].T
    means = units[own[:2]].mean(axis=0), units[own[2:]].mean(axis=0)
    distance = 1 - means[0] @ means[1] / np.linalg.norm(means[0]) / np.linalg.norm(means[1])
    cells = tables.nth(0).locator("tbody td")
    expect(cells.nth(0)).to_have_text("right", timeout=PATIENCE)
    assert cells.all_inner_texts()[1:4] == ["2", "2", f"{distance:.3f}"]
    least = sorted(similarity[:2, 2:].mean(axis=1))
    expect(tables.nth(1).locator("td.number")).to_have_text([f"{value:.3f}" for value in least])
    expect(tables.nth(1).locator("caption")).to_contain_text("In the first text, least like any occurrence")
    # The colors are those of the texts, and a click on an occurrence selects it.
    assert page.evaluate(f"[...{MAP}.map.groupOf]") == [int(k >= 11) for k in range(len(words))]
    tables.nth(2).locator("button").first.click()
    expect(page.locator("#word .chip").first).to_have_text(re.compile("[34]"), timeout=PATIENCE)
    expect(page).to_have_url(re.compile(r"second=turn\+right"))
    page.reload()
    expect(tokens(page)).to_have_text(words, timeout=PATIENCE)
    assert page.input_value("#second") == second
    expect(tables.nth(0)).to_be_visible(timeout=PATIENCE)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as one file").click()
    path = tmp_path / "saved.html"
    download.value.save_as(path)
    saved = browser.new_page()
    saved.goto(path.as_uri())
    expect(saved.locator("#legend .name")).to_have_text(["first text", "second text"])
    expect(saved.locator("#comparison table").first.locator("td").nth(3)).to_have_text(f"{distance:.3f}")
    saved.close()
    page.fill("#second", "")
    expect(page.locator(".texts")).to_be_hidden(timeout=PATIENCE)


def test_two_models_side_by_side(browser, explorer, golden):
    other = Explorer(ElmoEmbedder.load(golden / "infer_models" / "no_clips"))
    with serving(explorer, explorer, names=("before", "after")) as url:
        page, errors = open_page(browser, url)
        expect(page.locator(".pane > h2").nth(1)).to_have_text("after")
        expect(page.locator(".pane")).to_have_count(2)
        for number in (0, 1):
            pane = page.locator(".pane").nth(number)
            expect(pane.locator(".word h2").first).to_have_text(re.compile("right$"), timeout=PATIENCE)
        page.locator(".pane").nth(1).locator(".token").nth(1).click()
        expect(page.locator(".pane").nth(0).locator(".word h2").first).to_have_text(
            "1played", timeout=PATIENCE
        )
        expect(page.locator("#surprises caption")).to_have_text("Surprise in bits, before → after")
        expect(page.locator("#surprises .hint").first).to_contain_text("On average")
        expect(page.locator("#moves")).to_contain_text("No word moved.", timeout=PATIENCE)
        assert errors == []
        page.close()
    with serving(explorer, other, names=("before", "after")) as url:  # one has no language model
        page, errors = open_page(browser, url)
        expect(page.locator("#moves tr").first).to_be_visible(timeout=PATIENCE)
        expect(page.locator("#surprises")).to_have_text("")
        sentences = read_typed(EXAMPLE).sentences
        for name, layer in (("End", 2), ("Home", 0)):  # of the second model
            slider = page.locator(".pane").nth(1).get_by_role("slider", name="Layer", exact=True)
            slider.press(name)
            tops = [explorer.explore(sentences).layers[2], other.explore(sentences).layers[layer]]
            most = moved_words(*tops)[:12]
            expect(page.locator("#moves td.number")).to_have_text(
                [f"{move.distance:.2f}" for move in most], timeout=PATIENCE
            )
        words = [word for sentence in sentences for word in sentence]
        row = page.locator("#moves tr").first
        nearer = ", ".join(dict.fromkeys(words[k] for k in most[0].nearer))
        expect(row.locator("td").nth(2)).to_contain_text(f"now nearest: {nearer}")
        row.locator("button").click()
        for number in (0, 1):
            heading = page.locator(".pane").nth(number).locator(".word h2").first
            expect(heading).to_have_text(re.compile(re.escape(words[most[0].index]) + "$"), timeout=PATIENCE)
        assert errors == []
        page.close()


@pytest.mark.parametrize(
    "how", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}]
)
def test_no_serious_findings_of_axe(page, serious_findings, how):
    page.emulate_media(**how)
    expect(page.locator("#word[aria-busy=false] table").first).to_be_visible(timeout=PATIENCE)
    assert serious_findings(page) == []
    page.emulate_media(color_scheme="light", forced_colors="none")


def test_the_selected_word_is_marked_in_forced_colors(page):
    page.emulate_media(forced_colors="active")
    selected = page.locator("#sentences [aria-pressed=true]")
    assert selected.evaluate("token => getComputedStyle(token).outlineStyle") == "solid"
    assert page.evaluate(f"{MAP}.theme.ink !== {MAP}.theme.ground")
    # Surprise is the thickness of a bar below the word.
    bars = [float(style[:-2]) for style in tokens(page).evaluate_all(
        "found => found.map(token => getComputedStyle(token).borderBottomWidth)")]  # fmt: skip
    strengths = tokens(page).evaluate_all(
        "found => found.map(token => token.style.getPropertyValue('--surprisal'))"
    )
    assert np.corrcoef(bars, np.array(strengths, float))[0, 1] > 0.9
    assert max(bars) >= 4
    page.emulate_media(forced_colors="none")


def test_everything_is_in_reach_at_200_percent(page, serious_findings):
    page.set_viewport_size({"width": 640, "height": 400})  # of 1280 x 800 pixels
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    for control in page.locator("button:visible, input:visible, textarea, canvas, summary").all():
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 640
    assert serious_findings(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
