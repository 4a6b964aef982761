"""Fixtures that the tests of several packages share.

Only light modules are imported at the top: PyTorch and Playwright are loaded by the fixtures that use them,
so that the tests of text and files start at once, also where those packages are not installed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from elmokit import cli
from elmokit.console import terminal

if TYPE_CHECKING:
    import torch
    from playwright.sync_api import Browser, Page

    from elmokit.config import Config
    from elmokit.model.bilm import BiLM

# The test models are tiny, so several threads would only wait for each other. PyTorch and NumPy read the
# variable when they are first imported, which happens after this file is loaded.
os.environ["OMP_NUM_THREADS"] = "1"
# Without a device, Triton interprets the kernels that are handed to it. It reads this when it is imported.
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"
os.environ.pop("COLUMNS", None)  # of a terminal, at which messages would be wrapped

DEFAULT_REFERENCE = Path(__file__).parents[2] / "shared" / "reference"  # beside the checkout


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """Handle Ctrl-C even if the tests run in the background of a shell script, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def triton_device(monkeypatch) -> torch.device:
    """The device on which Triton's kernels run: CUDA, otherwise the CPU by Triton's interpreter."""
    pytest.importorskip("triton")
    import torch

    from elmokit.kernels.cuda import availability

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(availability, "DEVICE_TYPES", frozenset({device.type}))
    return device


@pytest.fixture
def two_threads() -> Iterator[None]:
    """PyTorch may use two threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def threads_of_operations(two_threads) -> Any:
    """A context in which ``found`` gets the operations of this thread by how many threads each may use."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class ThreadsOfOperations(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.found: dict[int, set[str]] = {}

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.found.setdefault(torch.get_num_threads(), set()).add(str(function))
            return function(*args, **(kwargs or {}))

    return ThreadsOfOperations()


@pytest.fixture(scope="session")
def golden() -> Path:
    """The golden data: files that the tests compare with, described in its README.md."""
    return Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def reference() -> Path:
    """The golden data that may not be redistributed; tests/golden/README.md says where it is looked for."""
    directory = Path(os.environ.get("ELMOKIT_REFERENCE") or DEFAULT_REFERENCE)
    if not (directory / "infer_stateful").is_dir():
        pytest.skip(
            f"{directory} has no folder infer_stateful: set ELMOKIT_REFERENCE to the directory that has it"
        )
    return directory


@pytest.fixture
def largest_file() -> Callable[[int], AbstractContextManager[None]]:
    """A context manager under which writing beyond `num_bytes` of any file fails, as on a full disk.

    Wrap single lines of a test in it, never a whole test: pytest may write its output to a longer file.
    """
    resource = pytest.importorskip("resource")

    @contextmanager
    def limited(num_bytes: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture(autouse=True)
def no_terminal_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without COLUMNS, which Python's readline sets and by which commands wrap their lines."""
    monkeypatch.delenv("COLUMNS", raising=False)


@dataclass(frozen=True)
class CliResult:
    exit_code: int
    out: str
    err: str


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., CliResult]:
    """Run `elmokit ARGUMENTS...` in this process, without the progress bars of a slow machine."""
    monkeypatch.setattr(terminal, "PROGRESS_DELAY_SECONDS", 600.0)

    def run(*arguments: object) -> CliResult:
        monkeypatch.setattr(sys, "argv", ["elmokit", *map(str, arguments)])
        capsys.readouterr()
        exit_code = 0
        try:
            cli.main()
        except SystemExit as stop:
            exit_code = int(stop.code or 0)
        captured = capsys.readouterr()
        return CliResult(exit_code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, one for all tests of a process: Playwright cannot be started twice."""
    playwright_api = pytest.importorskip("playwright.sync_api")
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("Chromium is not installed: on Debian and Ubuntu, apt-get install chromium")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", *quiet]
    with playwright_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty browser page; an uncaught JavaScript error in it fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)  # the machine may be busy
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture
def serious_findings() -> Callable[[Page], list[str]]:
    """A function that returns what axe-core finds on a page that would keep somebody from using it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")

    def find(page: Page) -> list[str]:
        found = axe.Axe().run(page).response["violations"]
        return [
            f"{finding['id']}: {node['html']}"
            for finding in found
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"]
        ]

    return find


# --- Tiny models -------------------------------------------------------------------------------------------

_MODEL_WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "sat", "on", "mat", ".")

_MODEL_KINDS = {
    "characters": [],
    "forward only": ["bidirectional=false"],
    "words": ["char_cnn=null"],
    "no projections": ["filters=[[1, 6], [2, 10]]", "cell_dim=16", "num_highway=0", "activation=tanh"],
}


def _model_config(kind: str) -> Config:
    from elmokit.config import Config

    geometry = ["embedding_dim=5", "filters=[[1, 6], [2, 8], [3, 9]]", "num_highway=1", "cell_dim=20"]
    if "char_cnn=null" in _MODEL_KINDS[kind]:
        geometry = ["cell_dim=20"]
    return Config.load("tiny", [*geometry, "projection_dim=16", "num_layers=2", *_MODEL_KINDS[kind]])


@pytest.fixture(params=sorted(_MODEL_KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of a tiny model: how it differs from the default."""
    name: str = request.param
    return name


@pytest.fixture
def make_config() -> Callable[[str], Config]:
    """The configuration of a tiny model, by its kind."""
    return _model_config


@pytest.fixture
def make_model() -> Callable[[Config], BiLM]:
    """A model with random parameters, large enough that an error in any of them shows in the output."""
    import torch

    from elmokit.model.bilm import BiLM

    def make(config: Config) -> BiLM:
        generator = torch.Generator().manual_seed(3)
        model = BiLM(config.model, len(_MODEL_WORDS))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0.0, 0.4, generator=generator)
        return model

    return make


@pytest.fixture
def model_directory(tmp_path: Path, make_model: Callable[[Config], BiLM]) -> Callable[[str], Path]:
    """A directory with options.json, weights.hdf5 and vocab.txt of a tiny model."""

    from elmokit.data.vocabulary import Vocabulary
    from elmokit.formats.bilm_hdf5 import write_weights

    def write(kind: str) -> Path:
        config, directory = _model_config(kind), tmp_path / kind.replace(" ", "-")
        directory.mkdir()
        write_weights(directory / "weights.hdf5", config.model, make_model(config).state_dict())
        options = json.dumps(config.to_bilm_options(num_words=len(_MODEL_WORDS)))
        (directory / "options.json").write_text(options, encoding="utf-8")
        Vocabulary(_MODEL_WORDS).save(directory / "vocab.txt")
        return directory

    return write
