"""Fixtures that tests of several packages share."""

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
from typing import TYPE_CHECKING

import pytest
import torch
from playwright.sync_api import Browser, Page, sync_playwright

from elmokit import cli
from elmokit.console import terminal

if TYPE_CHECKING:
    from elmokit.config import Config
    from elmokit.model.bilm import BiLM


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The models are tiny: on a busy machine several threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """A shell script starts what it puts in the background with Ctrl-C ignored, which children inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Traces recorded from the original."""
    return Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def reference() -> Path:
    """Recorded data that may not be distributed with the tests."""
    default = Path(__file__).parents[1] / ".." / "shared" / "reference"
    directory = Path(os.environ.get("ELMOKIT_REFERENCE") or default)
    if not (directory / "infer_stateful").is_dir():
        pytest.skip(f"no infer_stateful in {directory}: name its parent in ELMOKIT_REFERENCE")
    return directory


@pytest.fixture
def largest_file() -> Callable[[int], AbstractContextManager[None]]:
    """`with largest_file(num_bytes):` the operating system lets no file grow beyond, as on a full disk.

    It is for lines of a test, never for a whole test: what pytest prints may go to a longer file.
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
    """A headless Chromium."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium: on Debian and Ubuntu, apt-get install chromium")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", *quiet]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page; a test that leaves an error on its console fails."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)  # the machine may be busy
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


# --- tiny models; imports of torch are inside, for the tests that need none --------------------------------

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
    """What is special about a tiny model."""
    name: str = request.param
    return name


@pytest.fixture
def make_config() -> Callable[[str], Config]:
    return _model_config


@pytest.fixture
def make_model() -> Callable[[Config], BiLM]:
    """A model with random parameters that are large enough to matter."""

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
