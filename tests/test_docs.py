"""The documentation site builds without warnings, is complete, and loads nothing from the web."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

import elmokit
from elmokit import cli

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        # Without --quiet, which hides warnings from this test.
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    assert all(line.startswith("INFO ") for line in log.splitlines()), log
    return directory


class Parsed(HTMLParser):
    """The links, loaded resources, anchors and scripts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self._in_script = tag == "script"
        if tag == "a":
            self.links += [given["href"]] if "href" in given else []
        elif given.get("rel") not in ("canonical", "prev", "next"):
            self.loaded += [given[name] for name in ("src", "href", "data", "poster") if given.get(name)]

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Parsed]:
    return {path: Parsed(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_no_page_loads_anything_from_the_web(site, pages):
    assert len(pages) > 20
    for path, page in pages.items():
        from_the_web = [url for url in page.loaded if re.match("(https?:)?//", url)]
        assert from_the_web == [], path
        assert not any(re.search(r"(import|from|src\s*=)\W*https?://", script) for script in page.scripts), (
            path
        )
    for path in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\W*(https?:)?//", path.read_text(encoding="utf-8")), path


def test_internal_links_have_targets(site, pages):
    checked = 0
    for path, page in pages.items():
        if path.name == "404.html":  # its links only work on a server
            continue
        for url in (*page.links, *page.loaded):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.relative_to(site)}: {url}"
            is_anchor = parts.fragment != "__toc" and "=" not in parts.fragment  # of a map: how it is shown
            if parts.fragment and target in pages and is_anchor:
                anchors = pages[target].anchors
                assert unquote(parts.fragment) in anchors, f"{path.relative_to(site)}: {url}"
            checked += 1
    assert checked > 1000


def test_every_command_has_a_section(pages, site):
    html = (site / "commands.html").read_text(encoding="utf-8")
    for verb in cli.VERBS:
        assert f"elmokit-{verb}" in pages[site / "commands.html"].anchors
    assert "\b" not in html
    commands: list[click.Command | None] = [cli.elmokit]
    for command in commands:  # grows: groups have commands of their own
        if isinstance(command, click.Group):
            context = click.Context(command)
            commands += [command.get_command(context, name) for name in command.list_commands(context)]
    assert html.count("<strong>Example:</strong>") == len(commands)


def test_every_public_name_is_in_the_api_reference(pages, site):
    anchors = {anchor for path, page in pages.items() if path.parent.name == "api" for anchor in page.anchors}
    for name in elmokit.__all__:
        if not name.startswith("__"):
            home = elmokit._HOMES[name]
            assert anchors & {f"elmokit.{name}", f"{home}.{name}"}, name


def test_docstrings_show_no_roles(site):
    for path in (site / "api").glob("*.html"):
        assert not re.search(r":(func|meth|class|mod|data|attr):", path.read_text(encoding="utf-8")), path


def test_every_setting_is_listed(site):
    html = (site / "settings.html").read_text(encoding="utf-8")
    config = elmokit.Config().model_dump()
    for name in (*config["model"]["char_cnn"], *config["model"]["lstm"], *config["training"]):
        assert f"<code>{name}</code>" in html, name


def test_every_notebook_is_on_the_site(site, pages):
    for path in (ROOT / "examples").glob("*.ipynb"):
        assert site / "examples" / f"{path.stem}.html" in pages
        assert f"examples/{path.stem}.html" in pages[site / "tutorials.html"].links


@pytest.mark.browser
def test_search_works_without_a_server(site: Path, browser: Browser) -> None:
    assert len(json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]) > 100
    context = browser.new_context(offline=True)
    context.set_default_timeout(60_000)  # the machine may be busy
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    page.goto((site / "api" / "embed.html").as_uri())
    page.click("[data-md-component=search-query]")
    page.keyboard.type("histogram_interval")
    # Results for the first letters are shown until the search has finished.
    best = page.locator(".md-search-result__item a").first
    settings = re.compile("^" + re.escape((site / "settings.html").as_uri()))
    expect(best).to_have_attribute("href", settings, timeout=60_000)
    assert errors == []
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("index", "light"),
        ("index", "dark"),
        ("settings", "light"),
        ("api/layer", "dark"),
        ("examples/3-incremental", "light"),
    ],
)
def test_a_page_is_accessible(site: Path, browser: Browser, name: str, scheme: str) -> None:
    """Contrast, names of controls, links that differ from text by more than color, reachable regions."""
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", offline=True)
    page = context.new_page()
    page.goto((site / f"{name}.html").as_uri())
    page.wait_for_function("document.querySelectorAll('.md-typeset__scrollwrap, pre').length > 0")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response
    context.close()
    assert {"color-contrast", "link-name"} <= {rule["id"] for rule in found["passes"]}
    violations = [
        (violation["id"], node["html"][:120], node["failureSummary"])
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
    assert violations == []


# Looks more often than the test itself can on a busy machine.
REACHES = """(slider, name) => new Promise((done) => {
    const check = () => (slider.getAttribute("aria-valuetext") === name ? done() : setTimeout(check, 20));
    check();
})"""


@pytest.mark.browser
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_map_on_the_first_page_moves(site: Path, browser: Browser, motion: str) -> None:
    with served_below(site, "/docs/elmokit/") as url:
        context = browser.new_context(reduced_motion=motion)
        context.set_default_timeout(60_000)  # the machine may be busy
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto(f"{url}index.html", wait_until="domcontentloaded")
        map_ = page.frame_locator("iframe.moving-map")
        slider = map_.get_by_role("slider", name="Layer")
        layers = {slider.get_attribute("aria-valuetext")}
        if motion == "reduce":
            page.wait_for_timeout(1500)  # the first move would begin after less than a second
            layers.add(slider.get_attribute("aria-valuetext"))
            assert layers == {"LSTM layer 1"}
            expect(map_.get_by_role("button", name="Play")).to_be_visible()
        else:
            for name in ("token layer", "LSTM layer 2"):
                slider.evaluate(REACHES, name)
            map_.get_by_role("button", name="Pause").click()
            expect(map_.get_by_role("button", name="Play")).to_be_visible()
        expect(map_.locator("aside")).to_be_hidden()
        # The wheel scrolls the page, not the map.
        page.locator("iframe.moving-map").hover()
        page.mouse.wheel(0, 200)
        page.wait_for_function("scrollY > 0")
        assert errors == []
        context.close()


@contextmanager
def served_below(directory: Path, base: str) -> Iterator[str]:
    """Serve a directory below a path, like a site that is not at the root of its host."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            if not path.startswith(base):
                return str(directory / "outside the site")
            return super().translate_path(path.removeprefix(base.rstrip("/")))

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{base}"
        server.shutdown()
        thread.join()


@pytest.mark.browser
def test_pictures_are_dark_in_the_dark_scheme(site: Path, browser: Browser) -> None:
    for scheme, filters in (("light", "none"), ("dark", "invert(0.88) hue-rotate(180deg)")):
        context = browser.new_context(color_scheme=scheme, offline=True)
        page = context.new_page()
        page.goto((site / "see-it.html").as_uri())
        pictures = page.locator(".md-content img")
        assert pictures.count() > 3
        styles = pictures.evaluate_all("found => found.map(picture => getComputedStyle(picture).filter)")
        assert set(styles) == {filters}
        context.close()


@pytest.mark.browser
def test_signatures_wrap_on_a_phone(site: Path, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, offline=True)
    page = context.new_page()
    for path in sorted((site / "api").glob("*.html")):
        page.goto(path.as_uri())
        too_wide = page.locator(".doc-signature code").evaluate_all(
            "found => found.filter(c => c.scrollWidth > c.clientWidth + 1).map(c => c.innerText)"
        )
        assert too_wide == [], path
    context.close()


def test_headings_are_found_without_the_mark_beside_them(site: Path) -> None:
    entries = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    assert [entry["title"] for entry in entries if "¶" in entry["title"]] == []
    assert any(entry["title"] == "Sentences in, vectors out" for entry in entries)
