"""TensorBoard's projector in a browser."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FrameLocator, Page

import elmokit
from elmokit.visualize.projector import write_projector

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SENTENCES = [
    "Argentina played football very well",
    "Brazil is a strong team",
    "",
    "Artists all over the world are attending the play",
    "Child is playing the guitar",
    "There was absolute silence during the play",
    [
        "tab\there",
        "line\nend",
        "\r",
        "\u2028",
        "\0",
        "",
        "007",
        '"',
        "<b>bold</b>",
        "$\\alpha$",
        "日本語",
        "😀",
    ],
]
NUM_POINTS = 31 + 12
TENSORS = ["average", "lstm 1", "lstm 2", "tokens (no context)"]
SECONDS = 60  # on a busy machine
POINT_COLOR = (0x75, 0x75, 0xD9)


@contextmanager
def tensorboard(logdir: Path) -> Iterator[str]:
    """Serve a log directory on a free port, and yield the URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir, "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + SECONDS
        while True:
            assert server.poll() is None, "TensorBoard has ended"
            try:
                with urllib.request.urlopen(url, timeout=5):
                    break
            except OSError:
                assert time.monotonic() < deadline, "TensorBoard does not answer"
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def embedder():
    return elmokit.ElmoEmbedder.load("tiny-en")


def served_tensor(url: str, run: str, name: str) -> bytes:
    query = urllib.parse.urlencode({"run": run, "name": name})
    with urllib.request.urlopen(f"{url}/data/plugin/projector/tensor?{query}") as response:
        return response.read()


def spherized(vectors: np.ndarray) -> np.ndarray:
    """Center and normalize vectors as the page does by default."""
    centered = vectors - vectors.mean(axis=0)
    return centered / np.linalg.norm(centered, axis=1, keepdims=True)


def wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait for the page, which computes and draws asynchronously."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def wait_for_vectors(projector: FrameLocator, expected: np.ndarray) -> list[dict]:
    """Wait until the page has these vectors, and return the metadata of its points."""
    points: list[tuple[list[float], dict]] = []

    def are_shown() -> bool:
        points[:] = projector.locator("vz-projector").evaluate(
            "element => (element.dataSet?.points ?? []).map(p => [Array.from(p.vector), p.metadata])"
        )
        vectors = [vector for vector, _ in points]
        return len(vectors) == len(expected) and np.allclose(vectors, expected, atol=1e-5)

    wait_until(are_shown, "the page shows other vectors")
    return [metadata for _, metadata in points]


def are_placed(projector: FrameLocator) -> bool:
    """Return whether PCA has given every point its own position."""
    places = projector.locator("vz-projector").evaluate(
        "element => element.dataSet.points.map(p => [0, 1, 2].map(k => p.projections[`pca-${k}`]))"
    )
    values = np.array(places, float)
    return bool(np.isfinite(values).all()) and len(np.unique(values, axis=0)) == NUM_POINTS


def num_pixels(screenshot: bytes) -> int:
    """Count the pixels that have the color of points."""
    pixels = np.asarray(Image.open(io.BytesIO(screenshot)).convert("RGB")).astype(int)
    return int((np.abs(pixels - POINT_COLOR).max(axis=-1) < 8).sum())


def test_the_page_shows_points_and_labels(embedder, tmp_path, page):
    page.set_default_timeout(1000 * SECONDS)
    # Below the log directory, as among the runs of a training.
    write_projector(embedder, SENTENCES, tmp_path / "below")
    with tensorboard(tmp_path) as url:
        page.goto(f"{url}/#projector")
        projector = page.frame_locator("iframe").frame_locator("iframe")
        projector.locator("span.numDataPoints", has_text=str(NUM_POINTS)).wait_for()
        assert projector.locator("span.dim").inner_text() == str(embedder.dim)

        # All layers can be chosen: their vectors arrive to the last bit, and the page shows them.
        data = projector.locator("vz-projector-data-panel")
        selector = data.locator("paper-dropdown-menu").first
        shown = [" ".join(text.split()) for text in selector.locator("paper-item").all_text_contents()]
        assert shown == [f"{name} {NUM_POINTS}x{embedder.dim}" for name in TENSORS]
        layers = np.concatenate(embedder.embed(SENTENCES), axis=1)
        expected = dict(zip(TENSORS, (layers.mean(axis=0), layers[1], layers[2], layers[0]), strict=True))
        for name in [*TENSORS[1:], TENSORS[0]]:
            assert served_tensor(url, "below/projector", name) == expected[name].tobytes()
            selector.click()
            selector.locator("paper-item", has_text=name).click()
            metadata = wait_for_vectors(projector, spherized(expected[name]))

        # The metadata of a point.
        assert metadata[10] == {
            "word": "Artists",
            "sentence": "Artists all over the world are attending the play",
            "position": 0,
            "frequency": 1,
            "log10 frequency": 0,
        }
        assert [point["word"] for point in metadata[-12:]] == [
            *("tab\\there", "line\\nend", "\\r", "\\u2028", "\\x00", '""', '"007"', '"'),
            *("<b>bold</b>", "$\\alpha$", "日本語", "😀"),
        ]
        colors = data.locator("#colorby paper-item", has_text="colors")
        assert [text.split()[:2] for text in colors.all_text_contents()] == [
            ["word", "38"],
            ["sentence", "6"],
            ["position", "12"],
            ["frequency", "3"],
            ["log10", "frequency"],
        ]

        # PCA has placed the points, and they are drawn.
        wait_until(lambda: are_placed(projector), "points without their own positions")
        scatter = projector.locator("#scatter")
        wait_until(lambda: num_pixels(scatter.screenshot()) > 20 * NUM_POINTS, "points that are not drawn")

        # A word is found as often as it occurs.
        panel = projector.locator("vz-projector-inspector-panel")
        panel.locator("#search-box paper-button#regex").click()
        panel.locator("#search-box input").fill("^play$")
        matches = panel.locator(".matches-list .row")
        matches.nth(1).wait_for()
        assert [match.inner_text().strip() for match in matches.all()] == ["play", "play"]
        assert panel.locator("#search-box .info").inner_text().startswith("2 matches")
        snapshot(page, "matches")

        # A click tells of its point and its neighbors, with their labels.
        matches.nth(1).locator("a").click()
        card = projector.locator("vz-projector-metadata-card")
        card.get_by_text("There was absolute silence during the play").wait_for()
        neighbors = panel.locator(".nn-list .neighbor")
        neighbors.first.wait_for()
        assert neighbors.count() == NUM_POINTS - 1
        snapshot(page, "selected")


def snapshot(page: Page, name: str) -> None:
    """Save a screenshot to the directory in ELMOKIT_PICTURES, for manual inspection."""
    if directory := os.environ.get("ELMOKIT_PICTURES"):
        page.screenshot(path=Path(directory) / f"projector-{name}.png")


def test_a_bookmark_shows_its_layout_and_colors(embedder, tmp_path, page):
    page.set_default_timeout(1000 * SECONDS)
    write_projector(embedder, SENTENCES, tmp_path, layouts=True)
    (stored,) = json.loads((tmp_path / "projector" / "average-bookmarks.json").read_text())
    layout = np.array([[point["tsne-0"], point["tsne-1"]] for point in stored["projections"]])
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    with tensorboard(tmp_path) as url:
        page.goto(f"{url}/#projector")
        projector = page.frame_locator("iframe").frame_locator("iframe")
        projector.locator("span.numDataPoints", has_text=str(NUM_POINTS)).wait_for()
        wait_until(lambda: are_placed(projector), "points without their own positions")
        projector.locator("vz-projector-bookmark-panel .state-radio").click()
        view = projector.locator("vz-projector")

        def iterations() -> int:
            return view.evaluate("page => page.dataSet.tSNEIteration")

        # The page goes on with t-SNE, but the points stay where they are.
        wait_until(lambda: iterations() > 30, "t-SNE that does not run")
        places = view.evaluate(
            "page => page.dataSet.points.map(p => [p.projections['tsne-0'], p.projections['tsne-1']])"
        )
        np.testing.assert_allclose(places, layout, atol=0.01 * np.abs(layout).max())
        assert view.evaluate("page => page.projection.projectionType") == "tsne"
        assert view.evaluate("page => page.dataPanel.selectedColorOptionName") == "log10 frequency"
        assert errors == []
