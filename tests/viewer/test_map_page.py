"""The page of a map in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from elmokit.viewer.map_page import map_page

pytestmark = pytest.mark.browser

SENTENCES = [
    ["every", "American", "has", "the", "right", "to", "vote"],
    ["we", "are", "on", "the", "right", "track"],
    ["do", "it", "right", "now"],
]
REFUSED = "https://example.com/"  # which one test asks for in vain
SIZE = sum(map(len, SENTENCES))
PUNCTUATION = [chr(code) for code in range(33, 127) if not chr(code).isalnum()]
HOSTILE = ["&quot;", "&amp;lt;", "<b>bold</b>", "<i", "a<br>b", "$x^2$", "&#34;", "'\"`", "{{7*7}}", "{data}",
           "</script><script>document.title='taken'</script>", "<!--", "a\0b", "\u202e", "e" + "\u0301" * 80,
           "שלום", "日本語", "👩‍🚀", "x" * 5000]  # fmt: skip


def test_the_viewer_is_small_and_the_file_always_the_same(make_map):
    data = make_map(SENTENCES)
    page = map_page(data)
    assert page == map_page(data)
    assert len(page.encode()) < 80_000
    assert "<title>“right” in &lt;i&gt;text&lt;/i&gt; &amp; more</title>" in page
    assert '<html lang="en">' in page
    assert "unsafe" not in page
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", page)


@pytest.fixture
def open_map(page: Page, tmp_path: Path, make_map) -> Iterator[Callable[..., Page]]:
    """A function that shows a map; whatever it tries to load fails the test."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    path = tmp_path / "map.html"

    def show(sentences=SENTENCES, fragment: str = "", **how) -> Page:
        path.write_text(map_page(make_map(sentences, **how)), encoding="utf-8")
        page.goto("about:blank")
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("[data-ready]")
        return page

    yield show
    assert [url for url in requests if not url.startswith(("file:", "blob:", "about:", REFUSED))] == []


def state(page: Page) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).fragment).items()}


def frames(page: Page) -> None:
    """Wait until the map is drawn."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def picture(page: Page) -> str:
    """The picture as SVG, in which every label and point can be read."""
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    assert download.value.suggested_filename == "right.svg"
    return Path(download.value.path()).read_text(encoding="utf-8")


def test_a_point_is_selected_by_keyboard_and_the_address_keeps_it(open_map):
    page = open_map()
    page.locator("canvas").focus()
    page.keyboard.press("Home")
    expect(page.locator("#details h2")).to_have_text("every")
    expect(page.locator("#details .sentence")).to_have_text("every American has the right to vote")
    page.keyboard.press("PageDown")
    expect(page.locator("#details h2")).to_have_text("American")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("End")
    expect(page.locator("#details h2")).to_have_text("now")
    assert state(page) == {"point": str(SIZE - 1)}
    page.go_back()
    page.go_back()
    page.go_back()
    expect(page.locator("#details h2")).to_have_text("American")
    page.reload()
    expect(page.locator("#details h2")).to_have_text("American")
    page.locator("canvas").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#details h2")).to_have_count(0)
    assert state(page) == {}


def test_arrow_keys_reach_a_point_in_their_direction(open_map, make_map):
    page = open_map()
    points = make_map(SENTENCES).layers[2].coordinates
    start = int(np.argsort(points[:, 0])[SIZE // 2])
    for key, axis, sign in (
        ("ArrowRight", 0, 1),
        ("ArrowLeft", 0, -1),
        ("ArrowUp", 1, 1),
        ("ArrowDown", 1, -1),
    ):
        page = open_map(fragment=f"#point={start}")
        page.locator("canvas").focus()
        page.keyboard.press(key)
        reached = int(state(page)["point"])
        if reached != start:
            assert (points[reached] - points[start])[axis] * sign > 0


def test_a_click_selects_and_a_neighbor_is_one_click_away(open_map, make_map):
    page = open_map(fragment="#point=4")
    data = make_map(SENTENCES)
    rows = page.locator("#details table").first.locator("tr")
    words = [word for sentence in SENTENCES for word in sentence]
    nearest = data.layers[2].neighbors[4]
    expect(rows.locator("button")).to_have_text([words[k] for k in nearest])
    expect(rows.locator(".number")).to_have_text([f"{value:.3f}" for value in data.layers[2].similarities[4]])
    rows.locator("button").first.click()
    expect(page.locator("#details h2")).to_have_text(words[nearest[0]])
    # So are the substitutes.
    expect(page.locator("#details table").nth(1).locator("td")).to_have_text(
        ["50.0%", "<i>else</i>", "25.0%", "vote"] if nearest[0] % 2 == 0 else ["12.5%", "vote"]
    )
    # The selected point has a ring, and its nearest occurrences have thin ones.
    rings = re.findall(
        r'<circle cx="([\d.]+)" cy="([\d.]+)" r="[\d.]+" [^>]*stroke-width="([\d.]+)"', picture(page)
    )
    assert [width for _, _, width in rings] == ["2.5"] + ["1"] * data.layers[2].neighbors.shape[1]
    # The middle of the ring is the selected point: a click there selects it again after it was left.
    svg = picture(page)
    x, y = map(float, re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg).groups())
    box = page.locator("canvas").bounding_box()
    page.locator("canvas").focus()
    page.keyboard.press("Escape")
    page.mouse.move(box["x"] + x, box["y"] + y)
    expect(page.locator(".tip b")).to_have_text(words[nearest[0]])
    page.mouse.click(box["x"] + x, box["y"] + y)
    expect(page.locator("#details h2")).to_have_text(words[nearest[0]])


def test_the_slider_glides_from_layer_to_layer(open_map):
    page = open_map()
    slider = page.get_by_role("slider", name="Layer")
    expect(slider).to_have_attribute("aria-valuetext", "layer 2")
    slider.focus()
    page.keyboard.press("Home")
    expect(page).to_have_url(re.compile("#layer=0$"))
    expect(page.locator("#layers output")).to_have_text("layer 0")
    expect(slider).to_have_value("0")
    # All words of the first layer are one point.
    assert len(set(re.findall(r"M([\d.]+ [\d.]+)A", picture(page)))) == 1
    page.keyboard.press("Tab")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("#layer=1$"))
    page.get_by_role("button", name="Play").click()
    expect(slider).to_have_value("2")
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=20_000)
    expect(page).to_have_url(re.compile("#?$"))


def test_without_motion_layers_change_at_once(open_map, page):
    page.emulate_media(reduced_motion="reduce")
    open_map()
    values = page.evaluate("""() => {
        const slider = document.querySelector('[type=range]');
        slider.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home' }));
        return slider.value;
    }""")
    assert values == "0"


def test_search_and_legend_filter(open_map):
    page = open_map()
    page.get_by_label("Search").fill("RIGHT vote")
    expect(page.locator("#found")).to_have_text(f"7 of {SIZE} words, 2 exact")
    names = page.locator("#legend .name")
    expect(names).to_have_text(["vote · citizen", "<b>now</b>", "away"])
    expect(page.locator("#legend p").first).to_have_text(" ".join(SENTENCES[0]))
    page.get_by_label("<b>now</b>").uncheck()
    expect(page.locator("#found")).to_have_text(f"5 of {SIZE} words, 1 exact")
    assert state(page) == {"q": "RIGHT vote", "off": "1"}
    page.reload()
    expect(page.locator("#found")).to_have_text(f"5 of {SIZE} words, 1 exact")
    assert not page.get_by_label("<b>now</b>").is_checked()


def test_a_found_word_is_labeled_and_one_key_away(open_map):
    page = open_map([[f"w{k}x{j}" for j in range(20)] for k in range(60)])
    search = page.get_by_label("Search")
    search.fill("w31x7")
    expect(page.locator("#found")).to_have_text("20 of 1,200 words, 1 exact")
    frames(page)
    assert ">w31x7</text>" in picture(page)
    search.press("Enter")
    expect(page.locator("#details h2")).to_have_text("w31x7")
    search.fill("w31x")
    for j in (8, 9):  # none is the word itself: the next of all that are found
        search.press("Enter")
        expect(page.locator("#details h2")).to_have_text(f"w31x{j}")


def test_two_texts_are_compared(open_map):
    comparison = {
        "names": ["vote · citizen", "<b>now</b>"],
        "words": [{"word": "right", "counts": [2, 1], "change": 0.25, "chance": 0.125, "point": 4}],
        "senses": [{"name": "one", "counts": [1, 1]}, {"name": "<i>two", "counts": [1, 0]}],
        "unusual": [[{"point": 11, "similarity": 0.5}], []],
    }
    page = open_map(comparison=comparison)
    tables = page.locator("#comparison table")
    expect(tables.nth(0).locator("tbody td")).to_have_text(["right", "2", "1", "0.250", "0.125"])
    expect(tables.nth(0).locator("th")).to_have_text(
        ["word", "vote · citizen", "<b>now</b>", "distance", "by chance"]
    )
    expect(tables.nth(1).locator("tbody td")).to_have_text(
        ["one", "1 (50%)", "1 (100%)", "<i>two", "1 (50%)", "0 (0%)"]
    )
    expect(tables.nth(2).locator("td").first).to_have_text("0.500")
    tables.nth(2).locator("button").click()
    expect(page.locator("#details h2")).to_have_text("right")
    expect(page.locator("#details .sentence")).to_have_text("we are on the right track")
    tables.nth(0).locator("button").click()
    expect(page.locator("#details .sentence")).to_have_text("every American has the right to vote")


def test_many_points_have_the_places_and_colors_of_few(open_map):
    page = open_map([[f"w{k}x{j}" for j in range(20)] for k in range(100)])  # 667 in each group
    svg = picture(page)
    drawn = page.evaluate("""() => {
        const canvas = document.querySelector("canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const colors = new Map();
        for (let k = 0; k < data.length; k += 4) {
            const color = data.slice(k, k + 3).join();
            colors.set(color, (colors.get(color) ?? 0) + 1);
        }
        return [canvas.width / canvas.clientWidth, Object.fromEntries(colors)];
    }""")
    ratio, colors = drawn
    assert ratio == 1
    for color in ("#0072b2", "#d55e00", "#009e73"):
        assert f'fill="{color}"' in svg
        # A point of radius 2.8 at 85 % on white; where two lie on each other, the color is stronger.
        channels = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
        pale = [round(0.85 * channel + 0.15 * 255) for channel in channels]
        near = [
            number
            for found, number in colors.items()
            if max(abs(int(own) - wanted) for own, wanted in zip(found.split(","), pale, strict=True)) <= 2
        ]
        assert sum(near) > 2000


@pytest.mark.parametrize(
    ("size", "scheme"), [((390, 800), "light"), ((768, 1000), "light"), ((1400, 900), "dark")]
)
def test_labels_lie_neither_on_points_nor_on_each_other(open_map, page, size, scheme):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    open_map([[f"word{k}x{j}" for j in range(10)] for k in range(40)])
    frames(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    svg = picture(page)
    width = page.evaluate("document.querySelector('canvas').clientWidth")
    dots = np.array(re.findall(r"M([\d.]+) ([\d.]+)[AL]", svg), float)
    boxes = np.array(re.findall(r'<text x="([\d.]+)" y="([\d.]+)"', svg), float)
    assert len(dots) == 400
    assert len(boxes) > 10
    assert boxes[:, 0].min() > 0
    assert boxes[:, 0].max() < width
    gaps = np.abs(boxes[:, None] - boxes[None])  # labels are at least 15 pixels high and 30 wide
    np.fill_diagonal(gaps[..., 0], 99)
    assert not ((gaps[..., 0] < 30) & (gaps[..., 1] < 14)).any()
    near = np.abs(boxes[:, None] - dots[None])
    assert not ((near[..., 0] < 15) & (near[..., 1] < 6)).any()


def test_zoom_reveals_more_labels(open_map):
    page = open_map([[f"word{k}x{j}" for j in range(20)] for k in range(60)], with_groups=False)
    few = set(re.findall(r">(word\w+)</text>", picture(page)))
    page.locator("canvas").focus()
    for _ in range(6):
        page.keyboard.press("+")
    many = set(re.findall(r">(word\w+)</text>", picture(page)))
    assert many - few
    assert "view" in state(page)
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Show everything").click()
    assert "view" not in state(page)


def test_every_token_is_shown_as_it_is(open_map, page):
    words = [*PUNCTUATION, *HOSTILE]
    open_map([[word, "play", "now"] for word in words])
    shown = [word.replace("\0", "\ufffd") if len(word) < 40 else None for word in words]
    page.locator("canvas").focus()
    for number, word in enumerate(shown):
        page.evaluate(f"location.hash = 'point={3 * number}'")
        if word:
            expect(page.locator("#details h2")).to_have_text(word)
    assert page.title() == "“right” in <i>text</i> & more"
    assert page.locator("aside :is(b b, i, img, script)").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    picture(page)
    blocked = page.evaluate(f"fetch('{REFUSED}').then(() => 'sent', () => 'blocked')")
    assert blocked == "blocked"


def test_files_and_table(open_map, page):
    open_map([["tab\there", "a"], ["b"]])
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.suggested_filename == "right.png"
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy table").click()
    expect(page.locator("#status")).to_have_text("Copied 3 words.")
    lines = page.evaluate("navigator.clipboard.readText()").rstrip("\n").split("\n")
    assert [line.split("\t")[:3] for line in lines] == [
        ["word", "group", "sentence"],
        ["tab here", "vote · citizen", "tab here a"],
        ["a", "<b>now</b>", "tab here a"],
        ["b", "away", "b"],
    ]


@pytest.mark.parametrize(
    "how", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}]
)
def test_no_serious_findings_of_axe(open_map, page, serious_findings, how):
    page.emulate_media(**how)
    open_map(fragment="#point=4")
    assert serious_findings(page) == []


def test_shapes_tell_groups_apart_in_forced_colors(open_map, page):
    page.emulate_media(forced_colors="active", color_scheme="dark")
    svg = picture(open_map())
    ground = re.search(r'<rect [^>]*fill="([^"]+)"', svg)[1]
    inks = set(re.findall(r'<text [^>]*fill="([^"]+)"', svg))
    assert ground not in inks
    # A circle, a square and a triangle.
    assert [len(re.findall("L", path)) for path in re.findall(r'<path d="(M[^Z]+Z)', svg)] == [0, 3, 2]


def test_every_control_is_reached_by_tab(open_map, page):
    open_map(fragment="#point=4")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("""() => {
            const { activeElement: at } = document;
            return at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent;
        }""")
        )
    expected = [
        "Search",
        "Play",
        "Layer",
        "Zoom in",
        "Zoom out",
        "Show everything",
        "PNG",
        "SVG",
        "Copy table",
    ]
    assert [name for name in reached if name in expected][: len(expected)] == expected
    assert any(name.startswith("Map: ") for name in reached)
    assert len([name for name in reached if "vote · citizen" in name]) >= 1  # the box in the legend


def test_everything_is_in_reach_at_200_percent(open_map, page, serious_findings):
    page.set_viewport_size({"width": 640, "height": 400})  # of 1280 x 800 pixels
    open_map(fragment="#point=4")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    for control in page.locator("button, input, canvas").all():
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 640
    assert serious_findings(page) == []


# Looks more often than the test itself can on a busy machine.
REACHES = """(slider, value) => new Promise((done) => {
    const check = () => (slider.value === value ? done() : setTimeout(check, 20));
    check();
})"""


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_moving_map_stands_still_if_motion_is_not_wanted(open_map, page, motion):
    page.emulate_media(reduced_motion=motion)
    open_map(fragment="#bare=1&play=1")
    slider = page.get_by_role("slider", name="Layer")
    if motion == "reduce":
        page.wait_for_timeout(1500)  # the first move would begin after less than a second
        expect(slider).to_have_value("2")
        expect(page.get_by_role("button", name="Play")).to_be_visible()
    else:
        for value in ("0", "2", "0"):  # again and again
            slider.evaluate(REACHES, value)
        page.get_by_role("button", name="Pause").click()
    assert state(page)["play"] == "1"  # a reload goes on
    expect(page.locator("aside")).to_be_hidden()


def test_one_point_and_odd_addresses(open_map, page):
    open_map([["alone"]], fragment="#point=99&layer=x&view=a,b&off=,-1,7&more=%ff")
    page.locator("canvas").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#details h2")).to_have_text("alone")
    page.keyboard.press("ArrowUp")
    picture(page)
