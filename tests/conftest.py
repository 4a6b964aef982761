"""Fixtures that tests of several packages share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from elmokit import cli


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The models are tiny: on a busy machine several threads would only wait for each other."""
    torch.set_num_threads(1)


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


@dataclass(frozen=True)
class CliResult:
    exit_code: int
    out: str
    err: str


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., CliResult]:
    """Run `elmokit ARGUMENTS...` in this process."""

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
