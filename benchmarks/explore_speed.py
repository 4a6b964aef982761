"""How fast maps and the explorer open and answer, in Chromium without a GPU.

    python benchmarks/explore_speed.py [--points 3000 20000] [--repeat 5] [--maps DIR]

Prints a table of medians: the time that a person waits, and the time of the processor that the browser used,
which says more on a busy machine. Maps are drawn from the texts in examples/data, or with --maps taken from
DIR/map-3000.html and so on if they are there. A frame is one step of zoom with all that it draws.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ELMOKIT = [sys.executable, "-m", "elmokit"]
TEXTS = sorted((Path(__file__).parent.parent / "examples" / "data").glob("*/*.txt.gz"))
FIVE = """Argentina played football very well
Brazil is a strong team
Artists all over the world are attending the play
Child is playing the guitar
There was absolute silence during the play"""
ZOOM = """async (frames) => {
    const canvas = document.querySelector("canvas");
    const times = [];
    let before = await new Promise(requestAnimationFrame);
    for (let k = 0; k < frames; k++) {
        const deltaY = k < frames / 2 ? -30 : 30;
        canvas.dispatchEvent(new WheelEvent("wheel", { deltaY, bubbles: true, cancelable: true }));
        const now = await new Promise(requestAnimationFrame);
        times.push(now - before);
        before = now;
    }
    return times;
}"""
# Resolves to the milliseconds after which the tokens, and then the points, of a typed text are there.
TYPE = """([text, size]) => new Promise((resolve) => {
    const map = document.querySelector("#map canvas").wordMap;
    const start = performance.now();
    let tokens = 0;
    const check = () => {
        const now = performance.now() - start;
        const number = document.querySelectorAll("#sentences .token").length;
        if (!tokens && number === size) tokens = now;
        if (tokens && map.map.size === size && map.scene?.xs?.length === size) resolve([tokens, now]);
        else requestAnimationFrame(check);
    };
    const area = document.getElementById("text");
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    check();
})"""
WORD = """(index) => new Promise((resolve) => {
    const panel = document.getElementById("word");
    const start = performance.now();
    document.querySelector(`[data-index="${index}"]`).click();
    const check = () => {
        if (panel.getAttribute("aria-busy") === "false") resolve(performance.now() - start);
        else requestAnimationFrame(check);
    };
    check();
})"""
LAYER = """(layer) => {
    const map = document.querySelector("#map canvas").wordMap;
    const start = performance.now();
    map.setLayer(layer);
    map.drawNow();
    return performance.now() - start;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", nargs="*", type=int, default=[3000, 20_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--maps", type=Path)
    arguments = parser.parse_args()
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        parser.error("no Chromium: on Debian and Ubuntu, apt-get install chromium")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':44} {'waited':>10} {'processor':>10}")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
        )
        for number in arguments.points:
            file = (arguments.maps or Path(scratch)) / f"map-{number}.html"
            if not file.is_file():
                draw(number, file)
            measure_map(browser, file, f"{number:,} points", arguments.repeat)
        measure_explorer(browser, arguments.repeat)
        browser.close()


def row(name: str, waited: float, processor: float | None = None) -> None:
    """Print times, which are in milliseconds."""
    own = "" if processor is None else f"{processor:,.0f} ms"
    print(f"{name:44} {f'{waited:,.0f} ms':>10} {own:>10}", flush=True)


def draw(number: int, file: Path) -> None:
    text = file.with_suffix(".txt")
    with text.open("wb") as stream:
        for path in TEXTS:
            stream.write(subprocess.run(["gzip", "-dc", path], check=True, stdout=subprocess.PIPE).stdout)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [*ELMOKIT, "plot", "tiny-en", str(text), "--max-points", str(number), "-o", str(file)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waited, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    row(f"{number:,} points: laid out and written", 1e3 * waited, 1e3 * used)


def measure_map(browser: Browser, file: Path, name: str, repeat: int) -> None:
    opened: list[tuple[float, float]] = []
    frames: list[tuple[float, float]] = []
    for _ in range(repeat):
        page = new_page(browser)
        before = processor_time(browser)
        page.goto(file.as_uri())
        page.wait_for_selector("[data-ready]")
        waited = page.evaluate(
            "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
        )
        opened.append((waited, processor_time(browser) - before))
        before = processor_time(browser)
        times = page.evaluate(ZOOM, 60)
        frames.append((statistics.median(times), (processor_time(browser) - before) / 60))
        page.close()
    row(f"{name}: opens ({file.stat().st_size / 1e6:.1f} MB)", *medians(opened))
    row(f"{name}: a frame", *medians(frames))


def measure_explorer(browser: Browser, repeat: int) -> None:
    started = time.perf_counter()
    with served([*ELMOKIT, "explore", "--no-browser", "--port", "0"]) as url:
        row("explore: starts", 1e3 * (time.perf_counter() - started))
        paints = []
        for _ in range(repeat):
            page = new_page(browser)
            before = processor_time(browser)
            page.goto(url)
            page.wait_for_selector("#word[aria-busy=false]")
            paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            paints.append((paint, processor_time(browser) - before))
            if len(paints) < repeat:
                page.close()
        row("explore: first paint", *medians(paints))
        typed = timed(browser, repeat, lambda k: type_text(page, f"{FIVE} {'again ' * (k + 1)}"))
        row("explore: from a key to the tokens", statistics.median(tokens for (tokens, _), _ in typed))
        row("explore: from a key to the map", *medians([(points, used) for (_, points), used in typed]))
        row("explore: another layer", *medians(timed(browser, repeat, lambda k: page.evaluate(LAYER, k % 3))))
        row("explore: a word's panel", *medians(timed(browser, repeat, lambda k: page.evaluate(WORD, k + 3))))
        page.close()


def new_page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(300_000)  # the machine may be busy
    return page


def type_text(page: Page, text: str) -> tuple[float, float]:
    tokens, points = page.evaluate(TYPE, [text, len(text.split())])
    page.wait_for_selector("#word[aria-busy=false]")
    return tokens, points


def timed(browser: Browser, repeat: int, action: Callable[[int], object]) -> list:
    """Return the result of an action and the browser's processor time, for each repetition."""
    found = []
    for number in range(repeat):
        before = processor_time(browser)
        found.append((action(number), processor_time(browser) - before))
    return found


def processor_time(browser: Browser) -> float:
    """Return the milliseconds of processor time that all processes of the browser have used."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return 1e3 * sum(process["cpuTime"] for process in processes)


def medians(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


@contextmanager
def served(command: list[str]) -> Iterator[str]:
    """Run a server and yield the URL that it prints."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(
                found[0] for line in server.stdout if (found := re.search(r"http://[\w.]+:\d+/", line))
            )
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
