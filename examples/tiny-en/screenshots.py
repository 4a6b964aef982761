"""Take screenshots of a map, of `elmokit explore` and of TensorBoard's Embedding Projector, with Chromium.

python examples/tiny-en/screenshots.py docs/images
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ELMOKIT = [sys.executable, "-m", "elmokit"]
SPEECHES = "examples/data/sotu/heldout-00000.txt.gz"
TENSORBOARD = [sys.executable, "-m", "tensorboard.main"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    executable = shutil.which("chromium")
    if executable is None:
        parser.error("no Chromium: on Debian and Ubuntu, apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        interactive_map(browser, arguments.output / "map-html.png")
        explore(browser, arguments.output / "explore.png")
        project(browser, arguments.output / "projector.png")
        browser.close()


def interactive_map(browser: Browser, picture: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "map.html"
        subprocess.run(
            [*ELMOKIT, "plot", "tiny-en", SPEECHES, "--word", "right", "-o", str(file)], check=True
        )
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.goto(f"{file.as_uri()}#point=3")
        page.wait_for_selector("[data-ready]")
        page.wait_for_timeout(500)
        page.screenshot(path=picture)


def explore(browser: Browser, picture: Path) -> None:
    with served([*ELMOKIT, "explore", "--no-browser", "--port", "0"]) as url:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(url)
        page.wait_for_selector("#word table")
        page.wait_for_timeout(2000)
        page.screenshot(path=picture)


def project(browser: Browser, picture: Path) -> None:
    with tempfile.TemporaryDirectory() as logdir:
        command = [*ELMOKIT, "projector", "tiny-en", SPEECHES, "--word", "right", "--logdir", logdir]
        subprocess.run(command, check=True)
        with served([*TENSORBOARD, "--logdir", logdir, "--port", "0", "--host", "127.0.0.1"]) as url:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(120_000)
            page.goto(f"{url}#projector")
            projector = page.frame_locator("iframe").frame_locator("iframe")
            projector.locator("span.numDataPoints", has_text="17").wait_for()
            page.wait_for_timeout(4000)
            projector.locator("vz-projector-bookmark-panel .state-radio").click()
            page.wait_for_timeout(4000)
            page.screenshot(path=picture)


@contextmanager
def served(command: list[str]) -> Iterator[str]:
    """Run a server and yield the URL that it prints."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(
                found[0] for line in server.stdout if (found := re.search(r"http://[\w.]+:\d+/", line))
            )
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
